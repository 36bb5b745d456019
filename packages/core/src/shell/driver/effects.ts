import type { PublicKey } from '../../base/identity/identity.js';
import type { Base } from '../../contracts/candidate-base.js';
import type { TransportPath } from '../../contracts/path.js';
import type { EngineEffect } from '../../engine/effects.js';
import type { OnTransport } from './events.js';
import type { RelayServerOf } from './relays.js';

type EngineEffectOf<T extends EngineEffect['type']> = Extract<EngineEffect, { type: T }>;

/** What a {@link Driver} wants of the transport and its sockets. */
export type TransportEffect =
  | EngineEffectOf<'expect-checks' | 'initiate-handshake'>
  | OnTransport<EngineEffectOf<'send-check' | 'answer-check'>>
  /** Take no checks of this peer any more. */
  | { readonly type: 'forget-checks'; readonly peer: PublicKey }
  | { readonly type: 'set-path'; readonly peer: PublicKey; readonly paths: readonly TransportPath[] }
  | { readonly type: 'close-bases'; readonly bases: readonly Base[] };

/** What it wants of candidate sources. */
export type SourceEffect =
  /** Ask every source; a gathering that is under way asks about a network that may be gone, and is given up. */
  | { readonly type: 'gather' }
  /** For how long does the NAT remember an idle mapping? It may take minutes; what is being learnt is given up. */
  | { readonly type: 'learn-binding-lifetime' };

/** What it wants of relays. */
export type RelayEffect =
  | { readonly type: 'allocate'; readonly on: RelayServerOf }
  /** Ask the server for its round trip. Answered by `relay-probed` or `relay-probe-failed`, within seconds. */
  | { readonly type: 'probe-relay'; readonly on: RelayServerOf }
  /** Delete the allocation on the server. */
  | { readonly type: 'close-allocation'; readonly allocationId: string }
  | { readonly type: 'renew-allocations' }
  | EngineEffectOf<'permit' | 'release'>
  /** For the log: tried again in so many ms. */
  | {
      readonly type: 'relay-down';
      readonly on: RelayServerOf;
      readonly reason: string;
      readonly retryInMs: number;
    };

/** What a {@link Driver} wants done. Adapters do the I/O, and answer with events. */
export type DriverEffect =
  | TransportEffect
  | SourceEffect
  | RelayEffect
  | EngineEffectOf<'send-message' | 'open-bases' | 'try-endpoint' | 'pong' | 'changed'>
  /** Look at every mapping again, and renew every allocation. Answered by `mapping-changed`, if one has, and `refreshed`. */
  | { readonly type: 'refresh' }
  /** The network may be another: signalling servers are tried at once. */
  | { readonly type: 'nudge-signaling' };
