import { parseCidr, type Cidr } from '@wirepath/core/plugin';
import { networkInterfaces } from 'node:os';
import { contains, rangeOf } from './address-ranges.js';

/** A network that is reached without a gateway. */
export interface OnLinkNetwork {
  readonly interfaceName: string;
  readonly network: Cidr;
}

/**
 * Addresses that are nobody's on the internet: RFC 1918, 6598 (shared), 3927 (link-local), 4193 (unique local). Whoever hands
 * out addresses on a LAN can call any network local; traffic for the internet must not follow that.
 */
const PRIVATE = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  'fc00::/7',
].flatMap((text) => parseCidr(text) ?? []);

/** Private networks on the links of this machine but one: those of the addresses of interfaces that are up. */
export function privateOnLinkNetworks(except: string, interfaces = networkInterfaces()): OnLinkNetwork[] {
  return Object.entries(interfaces).flatMap(([interfaceName, addresses = []]) =>
    interfaceName === except
      ? []
      : addresses.flatMap(({ cidr, internal }) => {
          const network = cidr === null || internal ? undefined : parseCidr(cidr);
          return network !== undefined && isPrivate(network) ? [{ interfaceName, network }] : [];
        }),
  );
}

function isPrivate(network: Cidr): boolean {
  return PRIVATE.some((all) => all.family === network.family && contains(rangeOf(all), rangeOf(network)));
}
