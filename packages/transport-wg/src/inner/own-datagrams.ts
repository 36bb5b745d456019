import { parseCidr } from '@wirepath/core/plugin';

const PROTOCOL_UDP = 17;

/**
 * Recognises our own datagrams among the packets that the system routes into the tunnel: an address of this machine as their
 * source, the port of our sockets. Encrypting one would send it into the tunnel again, and so on without end.
 */
export class OwnDatagrams {
  readonly #ofInterface: readonly Uint8Array[];
  #ofMachine: readonly Uint8Array[] = [];
  /** That of our sockets; undefined until they are open. */
  port: number | undefined;

  /** @param addresses CIDRs of the interface. */
  constructor(addresses: readonly string[]) {
    this.#ofInterface = addresses.flatMap((text) => parseCidr(text.split('/')[0] ?? '')?.bytes ?? []);
  }

  /** All that this machine has now: a socket of ours may send from each, and a route may choose any. */
  setMachineAddresses(ips: readonly string[]): void {
    this.#ofMachine = ips.flatMap((ip) => parseCidr(ip)?.bytes ?? []);
  }

  /** @param offset of the packet in `bytes`. */
  includes(bytes: Uint8Array, offset: number): boolean {
    const first = bytes[offset] ?? 0;
    const version = first >> 4;
    if (bytes[offset + (version === 4 ? 9 : 6)] !== PROTOCOL_UDP) return false;
    const udp = offset + (version === 4 ? (first & 15) * 4 : 40);
    if ((((bytes[udp] ?? 0) << 8) | (bytes[udp + 1] ?? 0)) !== this.port) return false;
    const source = offset + (version === 4 ? 12 : 8);
    const isSource = (address: Uint8Array) =>
      (address.length === 4) === (version === 4) && address.every((byte, i) => byte === bytes[source + i]);
    return this.#ofInterface.some(isSource) || this.#ofMachine.some(isSource);
  }
}
