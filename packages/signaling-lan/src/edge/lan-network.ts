import type { LanAddress } from '../protocol/lan-peer.js';

export interface LanNetworkEvents {
  /** By multicast. `from` can be answered on its link. */
  beacon(bytes: Buffer, from: LanAddress): void;
  /** To a socket of ours alone. */
  frame(bytes: Buffer, from: LanAddress): void;
}

/** The networks that a node is on. {@link LanSockets} are the real ones; a test has one in memory. */
export interface LanNetwork {
  /** Opens what there is; nothing is told of before. Never throws. */
  start(events: LanNetworkEvents): Promise<void>;
  /**
   * Looks at the interfaces again: opens and closes what has changed.
   * @returns whether anything has. Never throws.
   */
  refresh(): Promise<boolean>;
  stop(): Promise<void>;
  /** Ids of the links that are open. */
  links(): readonly string[];
  /** Why there is none, or why one is missing: one line. */
  problem(): string | undefined;
  multicast(bytes: Uint8Array): void;
  send(to: LanAddress, bytes: Uint8Array): void;
}
