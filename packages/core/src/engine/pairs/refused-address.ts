import { sameAddress, type TransportAddress } from '@wirepath/stun-codec';
import { embeddedAddresses, scopeOf } from '../../base/addresses/address-scope.js';

/** What a peer's address is held against. */
export interface OwnAddresses {
  /** Of our own candidates. */
  readonly candidates: readonly { readonly address: TransportAddress }[];
  /** Whether an address is reached through our own interface. */
  inOwnNetwork(address: TransportAddress): boolean;
}

/**
 * Why nothing is sent to an address that a peer has told or come from; undefined where something may be. A peer is
 * authenticated and may still aim us at what only we can reach: this machine, this link, our own tunnel; all the same where
 * the address wraps an IPv4 one.
 */
export function whyRefused(address: TransportAddress, own: OwnAddresses): string | undefined {
  for (const form of [address, ...embeddedAddresses(address)]) {
    if (own.inOwnNetwork(form)) return 'reached through our own interface: a loop';
    if (own.candidates.some((candidate) => sameAddress(candidate.address, form))) return 'an address of our own';
  }
  const unusable = whyNobodys(address);
  if (unusable !== undefined) return unusable;
  const scope = scopeOf(address);
  if (scope !== 'loopback' && scope !== 'link-local') return undefined;
  // Both on one machine or link, as in the demo: then we are reached at such an address too.
  if (own.candidates.some((candidate) => scopeOf(candidate.address) === scope)) return undefined;
  return `a ${scope} address, and this node offers none itself`;
}

/** Why an address is no candidate at all, ours or a peer's; undefined where it may be one. */
export function whyNobodys(address: TransportAddress): string | undefined {
  if (address.port === 0) return 'it has no port';
  if (address.ip.includes('%')) return 'it has a zone, which means nothing to anybody else';
  if (scopeOf(address) === 'nobody') return 'nobody’s address: unspecified, multicast, broadcast or reserved';
  // Without a zone it says nothing of the link.
  if (address.family === 6 && scopeOf(address) === 'link-local') return 'a link-local address';
  return undefined;
}
