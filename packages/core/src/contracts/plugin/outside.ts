import type { Socket } from 'node:net';
import type { TransportAddress } from '@wirepath/stun-codec';

/** A server as configurations name it: a host name or an IP literal, and a port. */
export interface ServerAt {
  readonly host: string;
  readonly port: number;
}

/**
 * The HTTP proxy that a connection goes through: a URL (`http://` or `https://`, with user and password where it wants them),
 * `false` for none; undefined: what `HTTPS_PROXY` and `NO_PROXY` in the environment say.
 */
export type ProxyChoice = string | false | undefined;

/**
 * The network outside of the tunnel, for this node's own look-ups and connections to servers: what goes this way stays out of
 * the tunnel, also where peers' allowed IPs cover everything. Datagrams to servers go over the transport's sockets, which
 * do so anyway.
 */
export interface Outside {
  /**
   * Addresses of a server, IPv4 first; an IP literal is its own. Names are looked up by a resolver of ours. Where none answers,
   * the addresses that were good last are given, and the look-up goes on behind it.
   * @param options.again the addresses that were known do not answer: looks the name up, however new they are.
   * @throws CodedError NAME_NOT_RESOLVED, with what was asked and what was said; the signal's reason.
   */
  resolve(
    server: ServerAt,
    options: { readonly signal: AbortSignal; readonly again?: boolean },
  ): Promise<readonly TransportAddress[]>;
  /**
   * A TCP connection to the first address of the server that takes one; an address that is silent holds up the others by a
   * quarter of a second. The name is looked up for each connection. For TLS: `tls.connect({ socket, servername })`.
   * Through an HTTP proxy (CONNECT) it is the proxy that connects, and looks up the name.
   * @throws CodedError NAME_NOT_RESOLVED; PROXY, without the password; the system's error, or an AggregateError of one for each address; the signal's reason.
   */
  connect(server: ServerAt, options: { readonly signal: AbortSignal; readonly proxy?: ProxyChoice }): Promise<Socket>;
}
