/** Where decrypted packets go and packets to encrypt come from: a device of the system, or this process. */
export interface InnerSide {
  /** An inner IP packet from a peer. Never throws; the bytes are valid only during the call. */
  deliver(packet: Uint8Array): void;
  /** A range is to be routed here from now on, since a peer has it; or no longer, since none has. */
  setRouted(cidr: string, isRouted: boolean): void;
  /** We send to this IP address, datagrams or a connection: they must not come back to us as packets. */
  addEndpoint(ip: string): void;
  /** @throws CodedError */
  start(options: { signal: AbortSignal; listenPort: number }): Promise<void>;
  /** Idempotent; never throws. */
  stop(): Promise<void>;
}
