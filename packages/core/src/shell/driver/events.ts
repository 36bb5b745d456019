import type { PublicKey } from '../../base/identity/identity.js';
import type { Base } from '../../contracts/candidate-base.js';
import type { GatheredCandidate } from '../../contracts/candidate.js';
import type { NatBehavior } from '../../contracts/nat-behavior.js';
import type { RelayFraming, TransportPath } from '../../contracts/path.js';
import type { EngineEvent } from '../../engine/events.js';
import type { EnginePath } from '../../engine/engine-path.js';
import type { RelayFailure, RelayServerOf, SeenAllocation } from './relays.js';

/** What a driver makes of its own events; the engine is told of these by nobody else. */
type Translated = 'local-description' | 'check' | 'check-response' | 'bases-opened' | 'permitted';

/** With the transport's path in the place of the engine's. */
export type OnTransport<T> = T extends unknown ? Omit<T, 'path'> & { readonly path: TransportPath } : never;

/** A check or the answer to one of ours, authenticated; an answer goes back on the path that it came in on. */
export type CheckEvent = OnTransport<Extract<EngineEvent, { type: 'check' | 'check-response' }>>;

export type DiscoveredCandidate = GatheredCandidate & {
  /** Unix ms. */
  readonly discoveredAtMs: number;
};

/** Only a node that runs heeds these: all that happens to its engine, and what calls for another look at the network. */
export type RunEvent =
  | Exclude<EngineEvent, { type: Translated }>
  | CheckEvent
  /** Answer to an `open-bases` effect. */
  | { readonly type: 'bases-opened'; readonly peer: PublicKey; readonly bases: readonly Base[] }
  /** Answer to a `permit` effect. */
  | {
      readonly type: 'permission';
      readonly peer: PublicKey;
      readonly path: EnginePath;
      readonly granted: RelayFraming | { readonly error: string };
    }
  /** Somebody wants every source to be asked. */
  | { readonly type: 'gather' }
  /** Answer to a `gather` effect, when all sources are done. */
  | { readonly type: 'gathering-ended' }
  /** A source has noticed that what it would find has changed. */
  | { readonly type: 'network-changed' }
  /** The machine was asleep: what was known of the network, and every path, has to be proven again. */
  | { readonly type: 'slept' }
  /** Servers may be found at other addresses than before. */
  | { readonly type: 'servers-moved' }
  /** Answers to a `refresh` effect: a mapping, IP or port, is not what it was; and all has been looked at. */
  | { readonly type: 'mapping-changed' }
  | { readonly type: 'refreshed' };

/** What happens to a {@link Driver}, and what comes of its effects. */
export type DriverEvent =
  | RunEvent
  | { readonly type: 'started' }
  | { readonly type: 'stopped' }
  /** The transport's sockets; undefined where it owns none. */
  | { readonly type: 'sockets'; readonly bases: readonly Base[] | undefined }
  /** Answers to a `gather` effect: one candidate; and a source is done, so what it has not found this time is gone. */
  | { readonly type: 'candidate'; readonly source: string; readonly candidate: DiscoveredCandidate }
  | { readonly type: 'gathered'; readonly source: string; readonly candidates: readonly DiscoveredCandidate[] }
  /** Undefined: no source knows. */
  | { readonly type: 'nat-behavior'; readonly natBehavior: NatBehavior | undefined }
  /** Answer to a `learn-binding-lifetime` effect. */
  | { readonly type: 'binding-lifetime'; readonly ms: number }
  /** The servers to have an allocation on from now on: each by its object, which stays the same while it is as before. */
  | { readonly type: 'relay-servers'; readonly servers: readonly RelayServerOf[] }
  /** Answers to an `allocate` effect. @param atMs unix ms. */
  | {
      readonly type: 'allocated';
      readonly on: RelayServerOf;
      readonly allocation: SeenAllocation;
      readonly atMs: number;
    }
  | { readonly type: 'allocation-failed'; readonly on: RelayServerOf; readonly failure: RelayFailure }
  /** Answers to a `probe-relay` effect. */
  | { readonly type: 'relay-probed'; readonly on: RelayServerOf; readonly rttMs: number }
  | { readonly type: 'relay-probe-failed'; readonly on: RelayServerOf; readonly failure: RelayFailure }
  | { readonly type: 'allocation-lost'; readonly allocationId: string; readonly failure: RelayFailure };
