import { transportAddress } from '@wirepath/core/plugin';
import { isIP } from 'node:net';
import { MAX_URL_BYTES } from './rendezvous-v1.js';

const DEFAULT_PORTS = { 'ws:': '80', 'wss:': '443' };

/**
 * The one form that a proof is bound to: scheme, host, port (always), path; lower case, no trailing dot, IP addresses
 * canonical.
 * @returns undefined when `text` is not a WebSocket URL, or carries a credential or fragment.
 */
export function canonicalUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') return undefined;
  if (url.username !== '' || url.password !== '' || url.hash !== '') return undefined;
  const origin = urlOrigin(
    url.protocol,
    url.hostname,
    Number(url.port === '' ? DEFAULT_PORTS[url.protocol] : url.port),
  );
  const canonical = `${origin}${url.pathname}${url.search}`;
  return canonical.length <= MAX_URL_BYTES ? canonical : undefined;
}

/** Whom to connect to. @param text of a WebSocket URL. */
export function serverOf(text: string): { readonly host: string; readonly port: number } {
  const { protocol, hostname, port } = new URL(text);
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return { host, port: Number(port === '' ? DEFAULT_PORTS[protocol === 'wss:' ? 'wss:' : 'ws:'] : port) };
}

/**
 * Scheme, host and port of a canonical URL.
 * @param host a name, an IPv4 address, or an IPv6 address with or without brackets.
 */
export function urlOrigin(scheme: 'ws:' | 'wss:', host: string, port: number): string {
  const bare = host.startsWith('[') ? host.slice(1, -1) : host;
  if (isIP(bare) === 0) return `${scheme}//${bare.toLowerCase().replace(/\.$/, '')}:${port}`;
  const { family, ip } = transportAddress(bare, port);
  return `${scheme}//${family === 6 ? `[${ip}]` : ip}:${port}`;
}
