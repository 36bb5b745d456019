import { isLoopback } from '@wirepath/core/plugin';
import { canonicalUrl, urlOrigin } from './rendezvous-url.js';

/** What a server knows of one accepted connection and of itself. */
export interface ServerAddress {
  readonly scheme: 'ws:' | 'wss:';
  /** The accepted socket's own end. */
  readonly localIp: string;
  readonly localPort: number;
  /** Path and query of the HTTP request. */
  readonly requestPath: string;
  /** Names and addresses of the TLS certificate's subjectAltName; wildcards count for nothing: they name no server. */
  readonly certificateNames: readonly string[];
  /** Canonical, as configured: what a NAT or a reverse proxy in front of the server is dialled by. */
  readonly configuredUrls: readonly string[];
}

const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '::1'];

/**
 * Whether a proof for `url` is meant for this server. One for another URL was passed on by the server that the client
 * dialled.
 */
export function ownsUrl(server: ServerAddress, url: string): boolean {
  if (server.configuredUrls.includes(url)) return true;
  const hosts = [server.localIp, ...server.certificateNames.filter((name) => !name.includes('*'))];
  if (isLoopback(server.localIp)) hosts.push(...LOOPBACK_HOSTS);
  return hosts.some(
    (host) => canonicalUrl(`${urlOrigin(server.scheme, host, server.localPort)}${server.requestPath}`) === url,
  );
}
