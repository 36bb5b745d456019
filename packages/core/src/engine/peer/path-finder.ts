import type { PublicKey } from '../../base/identity/identity.js';
import type { EngineEffect } from '../effects.js';
import type { EngineEvent } from '../events.js';
import type { OutstandingCheck } from '../pairs/outstanding-checks.js';
import type { Moment, World } from '../world.js';
import type { PairsView, PeerView } from './peer-view.js';

/** Events that concern one peer; an answer comes with the check that it answers. */
export type PeerEvent =
  | Exclude<Extract<EngineEvent, { readonly peer: PublicKey }>, { type: 'peer-added' | 'peer-removed' }>
  | (Extract<EngineEvent, { type: 'check-response' }> & { readonly peer: PublicKey; readonly check: OutstandingCheck });

/**
 * Finds and keeps the path to one peer. There are two: {@link PeerAgent} by checks, wherever they can be sent, and
 * {@link TrialAgent} by trying one endpoint after another on a device whose sockets are not ours.
 */
export interface PathFinder {
  readonly publicKey: PublicKey;
  /** As configured, an upper bound. */
  keepaliveMs: number;
  handle(event: PeerEvent, at: Moment): void;
  /** Tells the peer where we are, now and again until it is connected. */
  call(at: Moment): void;
  /** @param newGeneration the network changed: nothing that was proven before counts. */
  localChanged(at: Moment, newGeneration: boolean): void;
  /** At any time; undefined: never. */
  nextTimeout(world: World): number | undefined;
  handleTimeout(at: Moment): void;
  /** What all that has happened since this was last asked wants done. */
  takeEffects(): EngineEffect[];
  /** The peer is gone: nothing of it stays anywhere. */
  close(): void;
  /** Whether its path leaves from a base, or something came in on it since `sinceMs`. */
  uses(baseId: string, sinceMs: number): boolean;
  view(world: World): PeerView;
  pairsView(): PairsView;
}
