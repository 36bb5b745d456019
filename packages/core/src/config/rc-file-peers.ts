import type { Clock } from '../contracts/clock.js';
import type { Logger } from '../contracts/logger.js';
import type { PeerChange, PeerDiscovery } from '../contracts/peer-discovery.js';
import type { LoadedPeer } from './loaded-config.js';

/** Resolves an endpoint's host name to an IP address. */
export type ResolveHost = (host: string, signal: AbortSignal) => Promise<string>;

export interface RcFilePeersNeeds {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: the system's resolver. */
  readonly resolveHost?: ResolveHost;
}

/** The peers of the rc file. Host names in endpoints are resolved here, again and again until they do. */
export class RcFilePeers implements PeerDiscovery {
  constructor(_peers: readonly LoadedPeer[], _needs: RcFilePeersNeeds) {
    throw new Error('signature');
  }

  peers(_options: { signal: AbortSignal }): AsyncIterable<PeerChange> {
    throw new Error('signature');
  }

  /** The rc file was read again: yields what is new, changed or gone. */
  update(_peers: readonly LoadedPeer[]): void {
    throw new Error('signature');
  }
}
