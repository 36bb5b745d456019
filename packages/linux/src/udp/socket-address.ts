/** Where a datagram comes from or goes to: as text, for people and maps, and as the kernel writes it. Immutable. */
export interface SocketAddress {
  readonly family: 4 | 6;
  /** Canonical (RFC 5952); link-local with its interface: `fe80::1%eth0`. */
  readonly ip: string;
  readonly port: number;
  /** struct sockaddr_in (4 words) or sockaddr_in6 (7), in the byte order of this machine. */
  readonly words: Uint32Array;
}
