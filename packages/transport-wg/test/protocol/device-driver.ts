import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { Device } from '../../src/protocol/device.js';
import type { DeviceOptions, PeerConfig } from '../../src/protocol/device-config.js';
import { generatePrivateKey } from '../../src/protocol/keys.js';
import type { HandshakeInfo } from '../../src/protocol/sink.js';
import { echoReply, echoRequest } from './icmp-echo.js';
import { newBuffers } from './test-buffers.js';
import { until } from './until.js';
import { OUR_IP, THEIR_IP } from './wireguard-go-process.js';

export interface Path {
  readonly socket: Socket;
  readonly port: number;
}

export interface Held {
  readonly type: number;
  readonly datagram: Uint8Array;
  readonly from: Path;
}

export const isType = (type: number) => (held: Held) => held.type === type;

/** Our device on loopback sockets and real time; it answers pings, and can ping. */
export class Driver {
  readonly sockets: Socket[] = [];
  readonly handshakes: HandshakeInfo<Path>[] = [];
  /** What we sent, while `record` is on. */
  readonly recorded: { datagram: Uint8Array }[] = [];
  record = false;
  /** Sender indices of our initiations that were answered. */
  readonly answered = new Set<number>();
  keepalives = 0;
  cookieReplies = 0;
  echoReplies = 0;
  holdIncoming = false;
  held: Held[] = [];
  device!: Device<Path>;
  #timer: NodeJS.Timeout | undefined;
  #sequence = 0;
  readonly #ponged = new Set<number>();
  #peer = '';

  static async start(options: Partial<DeviceOptions<Path>> = {}): Promise<Driver> {
    const driver = new Driver();
    await driver.openSocket();
    const { read, ...memory } = newBuffers();
    driver.device = new Device<Path>({
      ...memory,
      privateKey: generatePrivateKey(),
      samePath: (a, b) => a.socket === b.socket && a.port === b.port,
      sourceBytes: ({ port }) => Uint8Array.of(127, 0, 0, 1, port >> 8, port & 255),
      ...options,
      sink: {
        send: (offset, sizeBytes, paths) => {
          const datagram = read(offset, sizeBytes);
          if (driver.record) driver.recorded.push({ datagram });
          for (const { socket, port } of paths) socket.send(datagram, port, '127.0.0.1');
        },
        reply: (offset, sizeBytes, { socket, port }) => socket.send(read(offset, sizeBytes), port, '127.0.0.1'),
        deliver: (offset, sizeBytes) => driver.#onPacket(read(offset, sizeBytes)),
        onHandshake: (_peer, info) => driver.handshakes.push(info),
        onAuthenticated: (_peer, _from, kind) => {
          if (kind === 'keepalive') driver.keepalives++;
        },
        onSent: () => undefined,
        onPathWanted: () => undefined,
      },
    });
    return driver;
  }

  get port(): number {
    return this.sockets[0]!.address().port;
  }

  async openSocket(options: { silent?: boolean } = {}): Promise<Socket> {
    const socket = createSocket('udp4');
    socket.on('message', (datagram: Buffer, { port }: RemoteInfo) => {
      if (options.silent !== true) this.#onDatagram(datagram, { socket, port });
    });
    this.sockets.push(socket);
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return socket;
  }

  addPeer(config: PeerConfig<Path>): void {
    this.#peer = config.publicKey;
    this.device.addPeer(config, performance.now());
    this.#arm();
  }

  initiate(options: { force?: boolean } = {}): void {
    this.device.initiateHandshake(this.#peer, performance.now(), options);
    this.#arm();
  }

  setKeepalive(seconds: number): void {
    this.device.updatePeer(this.#peer, { persistentKeepaliveSeconds: seconds }, performance.now());
    this.#arm();
  }

  /** Sends an echo request through the tunnel until it is answered. */
  async ping(timeoutMs = 5000, size = 56): Promise<void> {
    const sequence = ++this.#sequence;
    this.device.handlePacket(echoRequest(OUR_IP, THEIR_IP, sequence, size), performance.now());
    this.#arm();
    await until(() => this.#ponged.has(sequence), timeoutMs);
  }

  /** Lets go of what was kept back, in order of arrival or as `compare` says. */
  release(compare?: (first: Held, second: Held) => number): void {
    this.holdIncoming = false;
    const held = compare === undefined ? this.held : [...this.held].sort(compare);
    this.held = [];
    for (const { datagram, from } of held) this.#onDatagram(datagram, from);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const socket of this.sockets.splice(0)) socket.close();
  }

  #onDatagram(datagram: Uint8Array, from: Path): void {
    if (this.holdIncoming) {
      this.held.push({ type: datagram[0] ?? 0, datagram: Uint8Array.from(datagram), from });
      return;
    }
    if (datagram[0] === 3) this.cookieReplies++;
    if (datagram[0] === 2) this.answered.add(Buffer.from(datagram).readUInt32LE(8));
    this.device.handleDatagram(datagram, from, performance.now());
    this.#arm();
  }

  #onPacket(packet: Uint8Array): void {
    const type = packet[20];
    if (packet[9] !== 1) return;
    if (type === 0) {
      this.echoReplies++;
      this.#ponged.add(((packet[26] ?? 0) << 8) | (packet[27] ?? 0));
    } else if (type === 8) {
      this.device.handlePacket(echoReply(packet), performance.now());
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.device.nextTimeout();
    if (next === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.device.handleTimeout(performance.now());
        this.#arm();
      },
      Math.max(1, next - performance.now()),
    );
  }
}
