import type { RelayTransport } from '@wirepath/core/plugin';
import { isIPv4, isIPv6 } from 'node:net';

/** A TURN URI (RFC 7065), taken apart. */
export interface TurnUrl {
  /** A name or a literal, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** How the client reaches the server; the relayed side is UDP always. */
  readonly transport: RelayTransport;
}

const FORM = /^(turns?):(?:\[([0-9a-f:.]+)\]|([^:@/?#[\]\s]+))(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/i;
const AUTO_FORM = /^auto:(\[[0-9a-f:.]+\]|[^:@/?#[\]\s]+)(?::(\d{1,5}))?$/i;
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?$/i;

/**
 * Reads `turn:203.0.113.10:3478`, `turn:[2001:db8::1]`, `turns:relay.example?transport=tcp`.
 * @returns undefined for anything else, so for one with a user name in it: credentials have options of their own.
 */
export function parseTurnUrl(text: string): TurnUrl | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, scheme = '', v6, name, portText, transport] = match;
  const secure = scheme.toLowerCase() === 'turns';
  const port = portText === undefined ? (secure ? 5349 : 3478) : Number(portText);
  const host = v6 ?? name ?? '';
  if (port < 1 || port > 65535) return undefined;
  if (v6 === undefined ? !isIPv4(host) && !HOST_NAME.test(host) : !isIPv6(host)) return undefined;
  return { host, port, transport: secure ? 'tls' : transport?.toLowerCase() === 'tcp' ? 'tcp' : 'udp' };
}

/**
 * `auto:host[:port]` as TURN URIs: UDP and TCP at port 3478 or that one, and TLS at 443, which most firewalls let out.
 * @returns undefined for anything else.
 */
export function expandAutoUrl(text: string): readonly string[] | undefined {
  const [, host, port = '3478'] = AUTO_FORM.exec(text) ?? [];
  if (host === undefined) return undefined;
  const plain = `turn:${host}:${port}`;
  return parseTurnUrl(plain) && [plain, `${plain}?transport=tcp`, `turns:${host}:443`];
}
