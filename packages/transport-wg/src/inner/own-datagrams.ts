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

  includes(packet: Uint8Array): boolean {
    const first = packet[0] ?? 0;
    const version = first >> 4;
    const protocol = version === 4 ? packet[9] : packet[6];
    if (protocol !== PROTOCOL_UDP) return false;
    const udp = version === 4 ? (first & 15) * 4 : 40;
    if ((((packet[udp] ?? 0) << 8) | (packet[udp + 1] ?? 0)) !== this.port) return false;
    const source = version === 4 ? 12 : 8;
    const isSource = (address: Uint8Array) =>
      (address.length === 4) === (version === 4) && address.every((byte, i) => byte === packet[source + i]);
    return this.#ofInterface.some(isSource) || this.#ofMachine.some(isSource);
  }
}
