import { isIP } from 'node:net';
import { parseTransportAddress } from '@wirepath/stun-codec';
import type { EndpointSetting } from '../loaded-peer.js';

/** RFC 1123 labels; a last label of digits alone would be a misspelt IPv4 address. */
const HOST_NAME =
  /^(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*(?!\d+$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/**
 * Reads `192.0.2.9:51820`, `[2001:db8::9]:51820` or `host.example:51820`.
 * @returns undefined when the text is none of these.
 */
export function parseEndpoint(text: string): EndpointSetting | undefined {
  const address = parseTransportAddress(text);
  if (address !== undefined) return address.port === 0 ? undefined : { host: address.ip, port: address.port };
  const [, host = '', portText = ''] = /^([^:[\]]+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(portText);
  if (isIP(host) !== 0 || !HOST_NAME.test(host) || port < 1 || port > 65535) return undefined;
  return { host: host.toLowerCase(), port };
}
