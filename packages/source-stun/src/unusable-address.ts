import { formatAddress, sameAddress, scopeOf, type TransportAddress } from '@wirepath/core/plugin';

/**
 * Says what is wrong with the address that a STUN server reports for a base, or names as its own other one. What a server
 * on the internet sees is an address of the internet: a private one is a lie, or of a box between that rewrites it. A
 * server in the same private network, or on this machine, may see such addresses.
 * @returns undefined for one that peers may be told.
 */
export function whyUnusable(address: TransportAddress | undefined, server: TransportAddress): string | undefined {
  if (address === undefined) return 'it answers without an address';
  const text = `it answers with ${formatAddress(address)}`;
  if (address.family !== server.family) return `${text}, of the other family`;
  if (address.port === 0) return `${text}, which has no port`;
  if (sameAddress(address, server)) return `${text}, its own address`;
  const scope = scopeOf(address);
  if (scope === 'nobody') return `${text}, which is nobody's address`;
  if (scope !== 'global' && scope !== scopeOf(server)) return `${text}, a ${scope} address`;
  return undefined;
}
