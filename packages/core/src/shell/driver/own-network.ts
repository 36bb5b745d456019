import { BlockList } from 'node:net';
import { tryTransportAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { PublicKey } from '../../base/identity/identity.js';

/**
 * Addresses that are reached through our own interface: the networks it is in, and peers' own tunnel addresses. A
 * candidate among them would put the tunnel into itself. Wider allowed IPs do not count: the transport keeps its own
 * datagrams out of the routes that it makes. One peer's change costs that peer's addresses, however many peers there are.
 */
export class OwnNetwork {
  /** Of our interface. */
  readonly #networks = new BlockList();
  /** How many peers have each address. */
  readonly #hosts = new Map<string, number>();
  readonly #hostsOf = new Map<PublicKey, readonly string[]>();

  /** @param addresses CIDRs of our interface. */
  constructor(addresses: readonly string[]) {
    for (const cidr of addresses) {
      const [ip = '', prefix = ''] = cidr.split('/');
      this.#networks.addSubnet(ip, Number(prefix), ip.includes(':') ? 'ipv6' : 'ipv4');
    }
  }

  setPeer(publicKey: PublicKey, allowedIps: readonly string[]): void {
    this.removePeer(publicKey);
    const hosts = allowedIps.flatMap((cidr) => hostOf(cidr) ?? []);
    if (hosts.length === 0) return;
    this.#hostsOf.set(publicKey, hosts);
    for (const host of hosts) this.#hosts.set(host, (this.#hosts.get(host) ?? 0) + 1);
  }

  removePeer(publicKey: PublicKey): void {
    for (const host of this.#hostsOf.get(publicKey) ?? []) {
      const left = (this.#hosts.get(host) ?? 1) - 1;
      if (left === 0) this.#hosts.delete(host);
      else this.#hosts.set(host, left);
    }
    this.#hostsOf.delete(publicKey);
  }

  contains(address: TransportAddress): boolean {
    const ip = address.ip.split('%')[0] ?? '';
    return this.#hosts.has(ip) || this.#networks.check(ip, address.family === 4 ? 'ipv4' : 'ipv6');
  }
}

/** The canonical address of a network that is one; undefined for a wider one. */
function hostOf(cidr: string): string | undefined {
  const [ip = '', prefix = ''] = cidr.split('/');
  if (Number(prefix) !== (ip.includes(':') ? 128 : 32)) return undefined;
  return tryTransportAddress(ip, 0)?.ip;
}
