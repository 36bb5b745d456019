import type { PublicKey } from '../base/identity/identity.js';
import type { TokenBucket } from '../base/limits/token-bucket.js';
import type { TransportAddress } from '@wirepath/stun-codec';
import type { LocalDescription } from './events.js';
import type { DescriptionId } from './messages.js';
import type { OutstandingChecks } from './pairs/outstanding-checks.js';

export interface EngineSettings {
  readonly holePunchTimeoutMs: number;
  /** Of peers that are added from now on. */
  readonly maxCandidatePairs: number;
  /** Whether to spend many checks and sockets on NATs that map per destination. */
  readonly hardNat: boolean;
}

/** What all peers of an engine are looked at by. Frozen: another takes its place when something changes. */
export interface World {
  readonly settings: EngineSettings;
  /** This node's present description, as peers are told. */
  readonly local: LocalDescription;
  readonly localId: DescriptionId;
  readonly signalingUp: boolean;
  /** Whether an address is reached through our own interface. */
  readonly inOwnNetwork: (address: TransportAddress) => boolean;
}

/** What an engine is made of for its whole life. */
export interface EngineParts {
  readonly ownKey: PublicKey;
  readonly tieBreaker: bigint;
  /** Of all peers together. */
  readonly pacer: TokenBucket;
  readonly outstanding: OutstandingChecks;
  readonly hardNatTurn: HardNatTurn;
  readonly random: (length: number) => Uint8Array;
}

/** Attempts at hard NATs are made for one peer at a time: two at once would double the load on the NAT. */
export class HardNatTurn {
  #holder: PublicKey | undefined;

  /** @returns false while it is another's. */
  take(peer: PublicKey): boolean {
    this.#holder ??= peer;
    return this.#holder === peer;
  }

  /** Nothing happens where it is another's. */
  release(peer: PublicKey): void {
    if (this.#holder === peer) this.#holder = undefined;
  }
}

/** When something happens, and how things stand then. */
export interface Moment {
  /** ms, of a clock that never goes back. */
  readonly now: number;
  readonly world: World;
}
