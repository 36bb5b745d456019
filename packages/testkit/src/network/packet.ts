import type { TransportAddress } from '@wirepath/core';

/** A UDP datagram on its way. */
export interface Packet {
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly bytes: Uint8Array;
}
