import { parseCidr } from '@wirepath/core/plugin';

const PROTOCOL_UDP = 17;

/**
 * Recognises our own WireGuard datagrams among the packets that the system routes into the tunnel: source address of our
 * interface, source port of our socket. Encrypting one would send it into the tunnel again, and so on without end.
 */
export class OwnDatagrams {
  readonly #addresses: readonly Uint8Array[];
  readonly #port: number;

  /** @param addresses CIDRs of the interface. */
  constructor(addresses: readonly string[], port: number) {
    this.#addresses = addresses.flatMap((text) => parseCidr(text.split('/')[0] ?? '')?.bytes ?? []);
    this.#port = port;
  }

  includes(packet: Uint8Array): boolean {
    const first = packet[0] ?? 0;
    const version = first >> 4;
    const protocol = version === 4 ? packet[9] : packet[6];
    if (protocol !== PROTOCOL_UDP) return false;
    const udp = version === 4 ? (first & 15) * 4 : 40;
    if ((((packet[udp] ?? 0) << 8) | (packet[udp + 1] ?? 0)) !== this.#port) return false;
    const source = version === 4 ? 12 : 8;
    return this.#addresses.some(
      (address) =>
        (address.length === 4) === (version === 4) && address.every((byte, i) => byte === packet[source + i]),
    );
  }
}
