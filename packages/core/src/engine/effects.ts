import type { TransportAddress } from '@wirepath/stun-codec';
import type { CandidateType } from '../contracts/candidate.js';
import type { PublicKey } from '../base/identity/identity.js';
import type { EnginePath } from './engine-path.js';
import type { CallMessage } from './messages.js';

/** What a path engine wants done. Structured: adapters encode and do the I/O. */
export type EngineEffect =
  /** Credentials with which this peer will check us; take checks under no other. */
  | { readonly type: 'expect-checks'; readonly peer: PublicKey; readonly ufrag: string; readonly password: string }
  | {
      readonly type: 'send-check';
      readonly peer: PublicKey;
      readonly path: EnginePath;
      /** 12 bytes. */
      readonly transactionId: Uint8Array;
      /** RFC 8445 7.1.1: USERNAME is `remoteUfrag:localUfrag`, keyed with the remote password. */
      readonly remoteUfrag: string;
      readonly localUfrag: string;
      readonly remotePassword: string;
      readonly priority: number;
      readonly candidateType: CandidateType;
      readonly controlling: boolean;
      readonly tieBreaker: bigint;
      readonly useCandidate: boolean;
      /** Size of the STUN message, where it is to be made larger than it is: with PADDING of random bytes. */
      readonly sizeBytes: number | undefined;
    }
  | {
      readonly type: 'answer-check';
      readonly peer: PublicKey;
      readonly path: EnginePath;
      readonly transactionId: Uint8Array;
    }
  | { readonly type: 'send-message'; readonly to: PublicKey; readonly message: CallMessage }
  /** Best first; several where the first is suspect; empty before the first is proven. */
  | { readonly type: 'set-path'; readonly peer: PublicKey; readonly paths: readonly EnginePath[] }
  | { readonly type: 'initiate-handshake'; readonly peer: PublicKey; readonly fresh: boolean }
  /** Ask an allocation to let the peer in; answered by a `permitted` event. */
  | { readonly type: 'permit'; readonly peer: PublicKey; readonly path: EnginePath }
  | { readonly type: 'release'; readonly path: EnginePath }
  /** Open sockets besides the shared one, for a NAT that maps per destination; answered by a `bases-opened` event. */
  | { readonly type: 'open-bases'; readonly peer: PublicKey; readonly family: 4 | 6; readonly count: number }
  | { readonly type: 'close-bases'; readonly baseIds: readonly string[] }
  /** See whether the peer is there, where nothing can be checked beforehand; one that is being tried is given up. Answered by `endpoint-tried`. */
  | {
      readonly type: 'try-endpoint';
      readonly peer: PublicKey;
      readonly trial: number;
      readonly address: TransportAddress;
    }
  /** A path that worked went silent: has our mapping changed? */
  | { readonly type: 'check-mapping' }
  /** The answer to a `ping` event came on this path. */
  | { readonly type: 'pong'; readonly peer: PublicKey; readonly path: EnginePath; readonly rttMs: number }
  /** Something that status shows has changed. */
  | { readonly type: 'changed'; readonly peer: PublicKey };
