import { TokenBucket, type PublicKey } from '@wirepath/core/plugin';
import { admissionProofs, sameProof } from './admission.js';
import { decodeFrame, encodeFrame, type Message } from './message.js';
import { Outflow } from './outflow.js';
import { PongTurn } from './pong-turn.js';
import { publicKeyText } from './public-key.js';
import type { CloseReason } from './rendezvous-v1.js';
import { canonicalUrl } from './rendezvous-url.js';
import type { ServerLimits } from './server-limits.js';
import type { X25519KeyPair } from './x25519.js';

const PING_AFTER_MS = 12_000;
const PONG_WITHIN_MS = 10_000;

export interface ServerSessionOptions {
  readonly id: number;
  /** The blocks of addresses that the client is in, widest first. */
  readonly levels: readonly string[];
  /** The server's ephemeral key. */
  readonly serverKey: X25519KeyPair;
  /** 32 fresh random bytes. */
  readonly challenge: Uint8Array;
  /** Whether a canonical URL is one by which this server is dialled. */
  readonly ownsUrl: (url: string) => boolean;
  readonly limits: ServerLimits;
}

/** What a frame of the client asks for. */
export type Request =
  /** `answer` goes to the client once there is room for it. */
  | { readonly kind: 'register'; readonly publicKey: PublicKey; readonly answer: Uint8Array }
  | { readonly kind: 'publish'; readonly to: PublicKey; readonly sealed: Uint8Array }
  | { readonly kind: 'drop'; readonly reason: 'malformed' | 'rate' }
  | { readonly kind: 'close'; readonly reason: Exclude<CloseReason, 'slowReader'>; readonly url?: string };

/** One connection as the server sees it: admission, rate, liveness. Pure: time comes in, requests go out. */
export class ServerSession {
  readonly id: number;
  readonly openedAtMs: number;
  /** Set by the switchboard when the registration is accepted. */
  publicKey: PublicKey | undefined;
  /** The blocks of addresses that the client is in, widest first. */
  readonly levels: readonly string[];
  readonly outflow = new Outflow();
  readonly pongs = new PongTurn();

  readonly #options: ServerSessionOptions;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  #excessFrames = 0;
  #heardAtMs: number;
  #pongByMs: number | undefined;

  constructor(options: ServerSessionOptions, nowMs: number) {
    this.id = options.id;
    this.levels = options.levels;
    this.openedAtMs = nowMs;
    this.#heardAtMs = nowMs;
    this.#options = options;
    const { rate } = options.limits;
    this.#messages = new TokenBucket(rate.messagesPerSecond, rate.messageBurst);
    this.#bytes = new TokenBucket(rate.bytesPerSecond, rate.byteBurst);
  }

  welcome(): Uint8Array {
    const { serverKey, challenge, limits } = this.#options;
    return encodeFrame({ type: 'welcome', serverKey: serverKey.publicKey, challenge, limits: limits.rate });
  }

  receive(frame: Uint8Array, nowMs: number): Request {
    const excess = this.heard(frame.length, nowMs);
    if (excess) return excess;
    const message = decodeFrame(frame);
    if (this.publicKey === undefined) {
      return message?.type === 'register' ? this.#verify(message) : { kind: 'close', reason: 'violation' };
    }
    if (message?.type !== 'publish') return { kind: 'drop', reason: 'malformed' };
    return { kind: 'publish', to: message.to, sealed: message.sealed };
  }

  /**
   * Anything came in, a ping or pong included.
   * @returns what to do with it when it is past the rate.
   */
  heard(sizeBytes: number, nowMs: number): Request | undefined {
    this.#heardAtMs = nowMs;
    this.#pongByMs = undefined;
    if (this.#messages.take(nowMs) && this.#bytes.take(nowMs, sizeBytes)) return undefined;
    this.#excessFrames += 1;
    if (this.#excessFrames > this.#options.limits.maxExcessFrames) return { kind: 'close', reason: 'tooFast' };
    return { kind: 'drop', reason: 'rate' };
  }

  /** To be asked about once a second. */
  check(nowMs: number): 'fine' | 'ping' | 'silent' | 'too-late' | 'slow-reader' {
    const { limits } = this.#options;
    if (this.publicKey === undefined) {
      return nowMs >= this.openedAtMs + limits.registrationDeadlineMs ? 'too-late' : 'fine';
    }
    if (this.outflow.stuckMs(nowMs) >= limits.slowReaderMs) return 'slow-reader';
    // Silence counts from our ping on, so that a stall of this process blames nobody.
    if (this.#pongByMs !== undefined) return nowMs >= this.#pongByMs ? 'silent' : 'fine';
    if (nowMs < this.#heardAtMs + PING_AFTER_MS) return 'fine';
    this.#pongByMs = nowMs + PONG_WITHIN_MS;
    return 'ping';
  }

  #verify(message: Extract<Message, { type: 'register' }>): Request {
    const { serverKey, challenge, ownsUrl } = this.#options;
    const { clientKey, url } = message;
    const shared = serverKey.agree(clientKey);
    if (!shared) return { kind: 'close', reason: 'badProof' };
    const proofs = admissionProofs(shared, { clientKey, serverKey: serverKey.publicKey, challenge, url });
    if (!sameProof(proofs.client, message.proof)) return { kind: 'close', reason: 'badProof' };
    if (canonicalUrl(url) !== url || !ownsUrl(url)) return { kind: 'close', reason: 'foreignUrl', url };
    return {
      kind: 'register',
      publicKey: publicKeyText(clientKey),
      answer: encodeFrame({ type: 'registered', proof: proofs.server }),
    };
  }
}
