import { cidrContains, parseCidr } from '@wirepath/core/plugin';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

/** An address of ours from which the network behind an interface is reached by multicast. */
export interface Link {
  /** Names it: `eth0 192.168.1.5`. */
  readonly id: string;
  readonly family: 4 | 6;
  readonly interfaceName: string;
  /** IPv6: link-local, without its zone. */
  readonly ip: string;
  /** IPv4: network of the interface, `192.168.1.5/24`. */
  readonly cidr: string;
}

export interface LinkChoice {
  /** Names; undefined: all that serve. */
  readonly interfaces?: readonly string[] | undefined;
  /** Of the tunnel: what goes through it is not on this network. */
  readonly ownInterface: string;
  /** CIDRs in the tunnel. */
  readonly ownAddresses: readonly string[];
}

/** More than a person has; a machine with hundreds of containers must not open as many sockets. */
export const MAX_LINKS = 16;

const LINK_LOCAL_6 = /^fe[89ab]/i;

/** One IPv4 address of each interface that leads to a network, and its link-local IPv6 one. */
export function linksOf(
  choice: LinkChoice,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): Link[] {
  const links = Object.entries(interfaces).flatMap(([interfaceName, addresses = []]) => {
    const isChosen = choice.interfaces?.includes(interfaceName) ?? true;
    if (!isChosen || interfaceName === choice.ownInterface) return [];
    const usable = addresses.filter((address) => !address.internal && isOnNetwork(address, choice.ownAddresses));
    const ofFamily = (family: 'IPv4' | 'IPv6') => usable.find((address) => address.family === family);
    return [ofFamily('IPv4'), ofFamily('IPv6')].flatMap((address) => {
      if (address === undefined || address.cidr === null) return [];
      const { address: ip, cidr } = address;
      return { id: `${interfaceName} ${ip}`, family: family(address), interfaceName, ip, cidr };
    });
  });
  return links.slice(0, MAX_LINKS);
}

/** The link that an IPv4 address is a neighbour on, or, with a zone, an IPv6 one; undefined: it is on none of our networks. */
export function linkTo(ip: string, links: readonly Link[]): Link | undefined {
  const [bare = '', zone] = ip.split('%');
  return links.find(({ family, interfaceName, cidr }) => {
    if (family === 6) return zone === interfaceName;
    const network = parseCidr(cidr);
    const address = parseCidr(bare);
    return network !== undefined && address?.family === 4 && cidrContains(network, address.bytes);
  });
}

function family({ family: name }: NetworkInterfaceInfo): 4 | 6 {
  return name === 'IPv4' ? 4 : 6;
}

/** False for tunnels, which have an address and no network, and for our own. */
function isOnNetwork({ family: name, address, cidr }: NetworkInterfaceInfo, own: readonly string[]): boolean {
  if (name === 'IPv6') return LINK_LOCAL_6.test(address);
  if (cidr === null || Number(cidr.split('/')[1]) > 30) return false;
  return !own.some((text) => parseCidr(text)?.ip === address);
}
