import type { Clock, RandomSource } from '../../base/time/clock.js';
import type { Identity, PublicKey } from '../../base/identity/identity.js';
import type { CallMessage } from '../../engine/messages.js';
import { decodeMessage, encodeMessage } from './message-codec.js';
import { MessageClock, msBetween } from './message-time.js';
import { openK, sealK } from './noise-k.js';

const VERSION = 1;

export type OpenedMessage =
  | { readonly message: CallMessage }
  /** Why it was dropped: `forged` covers reflected, misdirected and damaged too, which cannot be told apart. */
  | { readonly dropped: 'unknown-sender' | 'forged' | 'malformed' }
  /** Not newer than one before it, by so much; 0 for a copy that came another way. */
  | { readonly dropped: 'stale'; readonly behindMs: number };

/** Seals messages to peers and opens theirs; a message counts only if it is newer than all before it from its sender. */
export class MessageSeal {
  readonly #clock = new MessageClock();
  readonly #newest = new Map<PublicKey, string>();

  constructor(
    readonly identity: Identity,
    readonly time: Clock,
    readonly random: RandomSource,
  ) {}

  /** @returns undefined when `to` is no usable key. */
  seal(to: PublicKey, message: CallMessage): Uint8Array | undefined {
    const recipient = Buffer.from(to, 'base64');
    const plain = encodeMessage({ time: this.#clock.stamp(this.time.unixMs()), message });
    const prologue = prologueOf(this.identity.publicKey, to);
    const sealed = sealK(this.identity, recipient, prologue, plain, this.random.bytes(32));
    return sealed && Buffer.concat([Uint8Array.of(VERSION), sealed]);
  }

  /** @param isPeer only configured peers are worth the work, and memory is kept for them alone. */
  open(from: PublicKey, bytes: Uint8Array, isPeer: (key: PublicKey) => boolean): OpenedMessage {
    if (!isPeer(from)) return { dropped: 'unknown-sender' };
    if (bytes[0] !== VERSION) return { dropped: 'malformed' };
    const prologue = prologueOf(from, this.identity.publicKey);
    const plain = openK(this.identity, Buffer.from(from, 'base64'), prologue, bytes.subarray(1));
    if (plain === undefined) return { dropped: 'forged' };
    const timed = decodeMessage(plain);
    if (timed === undefined) return { dropped: 'malformed' };
    const newest = this.#newest.get(from) ?? '';
    if (timed.time <= newest) return { dropped: 'stale', behindMs: msBetween(timed.time, newest) };
    this.#newest.set(from, timed.time);
    return { message: timed.message };
  }

  /** Whether the peer has ever sent us anything. */
  hasOpened(peer: PublicKey): boolean {
    return this.#newest.has(peer);
  }

  /** The peer is gone from the configuration. */
  forget(peer: PublicKey): void {
    this.#newest.delete(peer);
  }
}

/** Binds the version and the direction, so that a message can be neither reflected nor taken for the answer. */
function prologueOf(sender: PublicKey, recipient: PublicKey): Uint8Array {
  return Buffer.from(`nat-traversal call v${VERSION}\n${sender}\n${recipient}`);
}
