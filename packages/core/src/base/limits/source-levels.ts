import { tryTransportAddress } from '@wirepath/stun-codec';
import { ipv6Groups } from './source-group.js';

/** Whatever is no address shares one place. */
const NO_ADDRESS: readonly string[] = Object.freeze(['no address']);

/**
 * The blocks that an address is in, widest first, for {@link FairShares}: of IPv4 the /16, the /24 and the address; of IPv6
 * the /32, /48, /56, /64 and the address. Who holds a block has all of its addresses, so blocks are weighed before what is
 * in them. Loopback is no exception: behind a reverse proxy all have one address, and share as equals.
 * @param ip as the system tells a source, so nearly anything: a zone may have any name, and a socket that is gone has no
 * address. Never throws.
 */
export function sourceLevels(ip: unknown): readonly string[] {
  const address = tryTransportAddress(ip, 0);
  if (address === undefined) return NO_ADDRESS;
  const { family, ip: canonical } = address;
  if (family === 4) {
    const [a, b, c] = canonical.split('.');
    return [`${a}.${b}/16`, `${a}.${b}.${c}/24`, canonical];
  }
  // One host is on several links under one link-local address or another's, so the zone is part of what they are.
  const zoneAt = canonical.indexOf('%');
  const bare = zoneAt === -1 ? canonical : canonical.slice(0, zoneAt);
  if (/^fe[89ab]/.test(bare)) return [`fe80::/64${zoneAt === -1 ? '' : canonical.slice(zoneAt)}`, canonical];
  const groups = ipv6Groups(bare).map((text) => text.padStart(4, '0'));
  const block = (digits: number) => `${groups.join('').slice(0, digits)}/${digits * 4}`;
  return [block(8), block(12), block(14), block(16), canonical];
}
