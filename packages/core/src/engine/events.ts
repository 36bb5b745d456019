import type { TransportAddress } from '@wirepath/stun-codec';
import type { CandidateType } from '../contracts/candidate.js';
import type { PublicKey } from '../base/identity/identity.js';
import type { NatBehavior } from '../contracts/nat-behavior.js';
import type { EnginePath, LocalBase } from './engine-path.js';
import type { CallMessage, SignalledCandidate } from './messages.js';

export interface LocalDescription {
  readonly bases: readonly LocalBase[];
  /** What peers are told. */
  readonly candidates: readonly SignalledCandidate[];
  readonly natBehavior: NatBehavior;
}

/** What happens to a path engine. Everything in it has been decoded and, where it says so, authenticated. */
export type EngineEvent =
  | { readonly type: 'peer-added'; readonly peer: PublicKey; readonly keepaliveMs: number }
  | { readonly type: 'peer-removed'; readonly peer: PublicKey }
  /** What this node can be reached at. `newGeneration`: the network changed, so nothing proven before counts. */
  | { readonly type: 'local-description'; readonly description: LocalDescription; readonly newGeneration: boolean }
  /** Addresses that are reached through our own interface: `contains` must be pure. */
  | { readonly type: 'own-network'; readonly contains: (address: TransportAddress) => boolean }
  | { readonly type: 'signaling-state'; readonly up: boolean }
  /** An opened, fresh message. */
  | { readonly type: 'message'; readonly peer: PublicKey; readonly message: CallMessage }
  /** The peer is said to have come to the rendezvous. */
  | { readonly type: 'peer-available'; readonly peer: PublicKey }
  | { readonly type: 'peer-undeliverable'; readonly peer: PublicKey }
  /** A candidate that did not come by message (`wg set`, a hint of the user). */
  | {
      readonly type: 'candidate-suggested';
      readonly peer: PublicKey;
      readonly address: TransportAddress;
      /** @default host */
      readonly candidateType?: 'host' | 'server-reflexive';
    }
  /** An authenticated Binding request. */
  | {
      readonly type: 'check';
      readonly peer: PublicKey;
      readonly path: EnginePath;
      readonly transactionId: Uint8Array;
      readonly priority: number;
      readonly candidateType: CandidateType;
      readonly useCandidate: boolean;
    }
  /** An authenticated Binding success response. */
  | {
      readonly type: 'check-response';
      readonly path: EnginePath;
      readonly transactionId: string;
      readonly mappedAddress: TransportAddress;
      /**
       * By how many bytes packets that our own interface took in between this check and its answer were larger than the check's
       * STUN message, as far as an overlay may account for it; undefined where nobody looked.
       */
      readonly overheads?: readonly number[] | undefined;
    }
  /** A check of ours on this path was read from our own interface: it leads through the tunnel. */
  | { readonly type: 'looped'; readonly peer: PublicKey; readonly path: EnginePath }
  /** An authenticated packet of the transport. */
  | { readonly type: 'authenticated'; readonly peer: PublicKey; readonly path: EnginePath }
  /** The transport sent data to the peer. */
  | { readonly type: 'sent'; readonly peer: PublicKey }
  /** The transport completed a handshake. */
  | { readonly type: 'handshake'; readonly peer: PublicKey }
  /** The user or the orchestrator wants a path now (`connectToPeer`, `attemptUpgrade`). */
  | { readonly type: 'attempt'; readonly peer: PublicKey; readonly budgetMs: number }
  /** Ask the peer what it has seen of the pairs; its agent shows the answer. */
  | { readonly type: 'ask-for-evidence'; readonly peer: PublicKey }
  /** Ask the active path now; answered by a `pong` effect, or by nothing. */
  | { readonly type: 'ping'; readonly peer: PublicKey }
  /** Answer to an `open-bases` effect; fewer than asked for where the system refuses more. */
  | { readonly type: 'bases-opened'; readonly peer: PublicKey; readonly bases: readonly LocalBase[] }
  /** Answer to a `try-endpoint` effect. @param proven the peer has answered there, and the device stays with it. */
  | { readonly type: 'endpoint-tried'; readonly peer: PublicKey; readonly trial: number; readonly proven: boolean }
  /** Answer to a `permit` effect. */
  | {
      readonly type: 'permitted';
      readonly peer: PublicKey;
      readonly path: EnginePath;
      readonly error: string | undefined;
    };
