import { scopeOf, type TransportAddress } from '@wirepath/core/plugin';

/**
 * What is wrong with what a gateway says that it forwards. A private address is one that peers behind the same outer NAT
 * can use; one of nobody, of this machine or of the link can lead nowhere but to other things.
 * @returns undefined for one that peers may be told.
 */
export function whyUnusable(external: TransportAddress | undefined, clientIp: string): string | undefined {
  if (external === undefined) return 'it tells no external address: it may stand behind another NAT';
  const text = `it forwards ${external.ip}`;
  if (external.port === 0) return `${text}, port 0`;
  const scope = scopeOf(external);
  if (scope === 'nobody') return `${text}, which is nobody's address`;
  if (scope === 'loopback' || scope === 'link-local') return `${text}, a ${scope} address`;
  if (external.family === 4 && external.ip === clientIp) return `${text}, our own address`;
  return undefined;
}
