/** A socket that candidates are based on (RFC 8445: "base"). It is bound to the wildcard address of its family. */
export interface Base {
  /** Unique among the bases of one transport, never used again. */
  readonly id: string;
  readonly family: 4 | 6;
  /** The local port. */
  readonly port: number;
  /** True for the socket that WireGuard sends from; false for one opened with `Datagrams.openBase`. */
  readonly shared: boolean;
}
