import { parseTransportAddress } from '@wirepath/core/plugin';

/** A STUN server as the rc file names it. */
export interface ServerName {
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

/** RFC 8489 8.1: the default port. */
const STUN_PORT = 3478;

/** Dot-separated labels of RFC 1123; one of digits alone at the end would be an IP address, and none that is one comes here. */
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/**
 * Reads `203.0.113.10:3478`, `[2001:db8::1]:3478`, `stun.example.net`, `stun:stun.example.net:3478` (RFC 7064); the port
 * may be left out.
 * @returns undefined for anything else.
 */
export function parseServerName(text: string): ServerName | undefined {
  const match = /^(?:stun:)?(\[[^\]]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  const port = match[2] === undefined ? STUN_PORT : Number(match[2]);
  if (port < 1 || port > 65535) return undefined;
  const address = parseTransportAddress(`${match[1]}:${port}`);
  if (address !== undefined) return { text, host: address.ip, port };
  return HOST_NAME.test(match[1]) ? { text, host: match[1], port } : undefined;
}
