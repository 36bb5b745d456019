/** Where decrypted packets go and packets to encrypt come from: a device of the system, or this process. */
export interface InnerSide {
  /** An inner IP packet from a peer, in the packet memory. Never throws. It stays as it is until {@link InnerSide.flush}. */
  deliver(offset: number, sizeBytes: number): void;
  /** Nothing of what was delivered waits any more. */
  flush(): void;
  /** A range is to be routed here from now on, since a peer has it; or no longer, since none has. */
  setRouted(cidr: string, isRouted: boolean): void;
  /** We send to this IP address, datagrams or a connection: they must not come back to us as packets. */
  addEndpoint(ip: string): void;
  /** @throws CodedError */
  start(options: { signal: AbortSignal; listenPort: number }): Promise<void>;
  /** Idempotent; never throws. */
  stop(): Promise<void>;
}
