import { formatAddress, scopeOf, type TransportAddress } from '@wirepath/core/plugin';

/**
 * Says what is wrong with an address that a TURN server gives: nobody can be reached there, or everybody reaches himself. A
 * server on this machine, or this link, may have such addresses. A private one may be right: its clients meet inside it.
 * @returns undefined for one that may be used and told.
 */
export function whyUnusable(address: TransportAddress, server: TransportAddress): string | undefined {
  const text = formatAddress(address);
  if (address.port === 0) return `${text}, which has no port`;
  const scope = scopeOf(address);
  if (scope === 'nobody') return `${text}, which is nobody's address`;
  if ((scope === 'loopback' || scope === 'link-local') && scope !== scopeOf(server))
    return `${text}, a ${scope} address`;
  return undefined;
}
