import type { Allocation, RelayServer } from '../../contracts/relay.js';

/** A relay server, and the plugin that was given it. */
export interface RelayServerOf {
  readonly plugin: string;
  readonly server: RelayServer;
  /** It can be asked without allocating on it. */
  readonly canProbe: boolean;
}

/** What a driver sees of an allocation; its mapped address and round trip may change while it stands. */
export type SeenAllocation = Pick<Allocation, 'id' | 'relayedAddress' | 'mappedAddress' | 'rttMs'>;

/** Why there is no allocation. */
export interface RelayFailure {
  /** One line. */
  readonly reason: string;
  /** The server was heard all the same. */
  readonly answered: boolean;
}
