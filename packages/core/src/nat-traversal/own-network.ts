import { BlockList } from 'node:net';
import type { TransportAddress } from '@wirepath/stun-codec';

/**
 * Addresses that are reached through our own interface: the networks it is in, and peers' own tunnel addresses. A
 * candidate among them would put the tunnel into itself. Wider allowed IPs do not count: the transport keeps its own
 * datagrams out of the routes that it makes.
 */
export class OwnNetwork {
  #list = new BlockList();

  update(addresses: readonly string[], peersAllowedIps: readonly string[]): void {
    const list = new BlockList();
    for (const cidr of addresses) add(list, cidr);
    for (const cidr of peersAllowedIps) {
      const [ip = '', prefix = ''] = cidr.split('/');
      if (Number(prefix) === (ip.includes(':') ? 128 : 32)) add(list, cidr);
    }
    this.#list = list;
  }

  contains(address: TransportAddress): boolean {
    return this.#list.check(address.ip.split('%')[0] ?? '', address.family === 4 ? 'ipv4' : 'ipv6');
  }
}

function add(list: BlockList, cidr: string): void {
  const [ip = '', prefix = ''] = cidr.split('/');
  list.addSubnet(ip, Number(prefix), ip.includes(':') ? 'ipv6' : 'ipv4');
}
