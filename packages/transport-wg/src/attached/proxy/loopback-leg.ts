import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { DeviceMishaps } from '../device/device-mishaps.js';
import { transportAddress, type Counters, type Guard, type TransportAddress } from '@wirepath/core/plugin';

const LOOPBACK = '127.0.0.1';
const BUFFER_BYTES = 4 << 20;
/** Datagrams that libuv keeps while the kernel's buffer is full. */
const SEND_QUEUE_MAX_BYTES = 4 << 20;

type Lookup = (
  hostname: string,
  options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
) => void;

/** We send to an IP address only: the default goes through dns.lookup for each datagram. */
const lookupLiteral: Lookup = (hostname, _options, callback) => callback(null, hostname, isIP(hostname));

export interface LoopbackLegOptions {
  readonly counters: Counters;
  readonly mishaps: DeviceMishaps;
  readonly guard: Guard;
  readonly onFromDevice: (datagram: Uint8Array) => void;
}

/** The loopback socket that a device takes for one of its peers: the peer's one endpoint, whatever its path is. */
export class LoopbackLeg {
  readonly #socket: Socket;
  readonly #counters: Counters;
  readonly #mishaps: DeviceMishaps;
  readonly #ready: Promise<TransportAddress>;
  #devicePort = 0;
  #open = true;

  constructor(options: LoopbackLegOptions) {
    const { counters, guard } = options;
    const onFromDevice = guard.wrap('datagram of the device', options.onFromDevice);
    this.#counters = counters;
    this.#mishaps = options.mishaps;
    this.#socket = createSocket({
      type: 'udp4',
      recvBufferSize: BUFFER_BYTES,
      sendBufferSize: BUFFER_BYTES,
      lookup: lookupLiteral,
    });
    this.#socket.on('message', (datagram, { address, port }) => {
      // Any process of this machine can send here; only the device is listened to.
      if (port === this.#devicePort && address === LOOPBACK) onFromDevice(datagram);
      else counters.count('loopback.stranger');
    });
    this.#ready = new Promise((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind({ port: 0, address: LOOPBACK, exclusive: true }, () => {
        this.#socket.off('error', reject);
        this.#socket.on('error', (error: NodeJS.ErrnoException) =>
          counters.count(`loopback.${error.code ?? error.name}`),
        );
        resolve(transportAddress(LOOPBACK, this.#socket.address().port));
      });
    });
    // Whoever waits for it gets the error; nobody may.
    this.#ready.catch(() => undefined);
  }

  /** The endpoint to give to the device. Rejects with the system's error. */
  get endpoint(): Promise<TransportAddress> {
    return this.#ready;
  }

  /** @param port the device's listen port; 0 while it has none. */
  setDevicePort(port: number): void {
    this.#devicePort = port;
  }

  /** Never throws. The bytes are copied. */
  send(datagram: Uint8Array): void {
    if (!this.#open) return;
    if (this.#devicePort === 0) return this.#mishaps.unreachable(undefined);
    if (this.#socket.getSendQueueSize() > SEND_QUEUE_MAX_BYTES) return this.#counters.count('loopback.queue-full');
    try {
      this.#socket.send(Buffer.from(datagram), this.#devicePort, LOOPBACK, (error) => {
        if (error) this.#mishaps.unreachable((error as NodeJS.ErrnoException).code ?? error.name);
      });
    } catch {
      // Only arguments make it throw: a port that the device made up.
      this.#mishaps.unreachable('ERR_INVALID_ARG');
    }
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    // Closing it while it binds would leave the promise open for ever.
    await this.#ready.catch(() => undefined);
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }
}
