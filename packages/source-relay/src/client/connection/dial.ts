import type { TransportAddress } from '@wirepath/core/plugin';
import type { TurnSession } from '../turn-session.js';

/** One attempt to reach a server: opens sessions to its addresses, of which those that refuse us are left out. */
export interface Dial {
  /**
   * With the address that answers first.
   * @throws CodedError TURN_RELAY; ABORTED.
   */
  first(signal: AbortSignal): Promise<TurnSession>;
  /** @returns whether others are left. */
  leaveOut(server: TransportAddress): boolean;
  /** With another server, which this one has named (300). @throws as {@link first}. */
  alternate(server: TransportAddress, signal: AbortSignal): Promise<TurnSession>;
}
