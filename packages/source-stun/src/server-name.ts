import { parseTransportAddress } from '@wirepath/core/plugin';

/** A STUN server as the rc file names it. */
export interface ServerName {
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

/** RFC 8489 8.1: the default port. */
const STUN_PORT = 3478;

/**
 * Reads `203.0.113.10:3478`, `[2001:db8::1]:3478`, `stun.example.net`, `stun:stun.example.net:3478` (RFC 7064).
 * @returns undefined for anything else.
 */
export function parseServerName(text: string): ServerName | undefined {
  const rest = text.replace(/^stun:/, '');
  const address = parseTransportAddress(rest);
  if (address !== undefined) return { text, host: address.ip, port: address.port };
  const match = /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)(?::(\d{1,5}))?$/i.exec(rest);
  const port = match?.[3] === undefined ? STUN_PORT : Number(match[3]);
  if (match?.[1] === undefined || port < 1 || port > 65535 || /^[\d.]+$/.test(match[1])) return undefined;
  return { text, host: match[1], port };
}
