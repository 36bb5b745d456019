import type { TransportAddress } from '@wirepath/core';

/** A UDP datagram on its way, or what a stream (TCP, TLS) carries of the like. */
export interface Packet {
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly bytes: Uint8Array;
  readonly isOfStream?: boolean;
}
