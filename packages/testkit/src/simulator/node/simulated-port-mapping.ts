import { transportAddress, type Base, type Clock, type Datagrams, type TransportAddress } from '@wirepath/core';

export interface SimulatedPortMappingNeeds {
  readonly gateway: TransportAddress;
  readonly datagrams: Datagrams & { open(family: 4 | 6): Base };
  readonly clock: Clock;
  readonly listenPort: number;
  /** @param address undefined: there is none (any more). */
  readonly onMapped: (address: TransportAddress | undefined) => void;
}

const RETRANSMISSIONS_MS = [250, 500, 1000, 2000] as const;
const LIFETIME_SECONDS = 7200;

/** Asks a gateway by NAT-PMP (RFC 6886), as `@wirepath/source-portmap` does, with callbacks in the place of promises. */
export class SimulatedPortMapping {
  readonly #needs: SimulatedPortMappingNeeds;
  #external = '';
  #told = '';
  #round: Disposable | undefined;

  constructor(needs: SimulatedPortMappingNeeds) {
    this.#needs = needs;
  }

  /** Tells what comes of it where that is news, or where nothing has been told. */
  ask(): void {
    const { datagrams, clock, gateway, onMapped } = this.#needs;
    this.stop();
    let attempt = 0;
    let request: Uint8Array = Uint8Array.of(0, 0);
    let timer: Disposable | undefined;
    const base = datagrams.open(4);
    const tell = (address: TransportAddress | undefined) => {
      this.stop();
      const text = address === undefined ? '' : `${address.ip} ${address.port}`;
      if (text === this.#told) return;
      this.#told = text;
      onMapped(address);
    };
    const transmit = () => {
      datagrams.send({ kind: 'socket', base, remote: gateway }, request);
      const delayMs = RETRANSMISSIONS_MS[attempt];
      attempt += 1;
      // One that is silent may forward all the same.
      timer = clock.setTimeout(() => (delayMs === undefined ? this.stop() : transmit()), delayMs ?? 0);
    };
    const listening = datagrams.onDatagram(({ path, bytes }) => {
      if (path.kind !== 'socket' || path.base.id !== base.id || path.remote.ip !== gateway.ip) return false;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (bytes[1] === 128 && bytes.length === 12) {
        this.#external = bytes.subarray(8, 12).join('.');
        request = mapRequest(this.#needs.listenPort, LIFETIME_SECONDS);
        timer?.[Symbol.dispose]();
        attempt = 0;
        transmit();
      } else if (bytes[1] === 129 && bytes.length === 16) {
        tell(view.getUint16(2) === 0 ? transportAddress(this.#external, view.getUint16(10)) : undefined);
      }
      return true;
    });
    this.#round = {
      [Symbol.dispose]: () => {
        timer?.[Symbol.dispose]();
        listening[Symbol.dispose]();
        datagrams.closeBase(base);
      },
    };
    transmit();
  }

  /** For good: nothing is waited for. */
  unmap(): void {
    this.stop();
    const { datagrams, gateway, listenPort } = this.#needs;
    const base = datagrams.open(4);
    datagrams.send({ kind: 'socket', base, remote: gateway }, mapRequest(listenPort, 0));
    datagrams.closeBase(base);
  }

  stop(): void {
    this.#round?.[Symbol.dispose]();
    this.#round = undefined;
  }
}

function mapRequest(port: number, lifetimeSeconds: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  bytes[1] = 1;
  view.setUint16(4, port);
  view.setUint16(6, lifetimeSeconds === 0 ? 0 : port);
  view.setUint32(8, lifetimeSeconds);
  return bytes;
}
