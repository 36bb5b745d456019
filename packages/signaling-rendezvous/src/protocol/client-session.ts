import {
  Counters,
  TokenBucket,
  type Identity,
  type PublicKey,
  type RandomSource,
  type SignalingState,
} from '@wirepath/core/plugin';
import { admissionProofs, sameProof } from './admission.js';
import { decodeFrame, encodeFrame, type Message, type RateLimits } from './message.js';
import { Outbox } from './outbox.js';
import { publicKeyBytes } from './public-key.js';
import { reconnectDelayMs, replacedDelayMs } from './reconnect-delay.js';
import { CLOSE_CODES, MAX_FRAME_BYTES, MAX_SEALED_BYTES } from './rendezvous-v1.js';

const OPEN_WITHIN_MS = 5000;
const REGISTER_WITHIN_MS = 5000;
const PING_AFTER_MS = 10_000;
const PONG_WITHIN_MS = 10_000;
const PONG_AFTER_NUDGE_WITHIN_MS = 3000;
const NUDGED_ATTEMPT_MS = 2000;
const MIN_DIAL_INTERVAL_MS = 250;
/** A connection that lasted so long was no failure: the next back-off starts anew. */
const STABLE_MS = 5000;
/** As {@link STABLE_MS}, for a node that was replaced by another with its key. */
const UNDISPUTED_MS = 600_000;
const MAX_QUEUED_BYTES = 1024 * 1024;
/** What a server may have us look at: all of 5,000 peers may call at once. */
const INBOUND = { perSecond: 2000, burst: 20_000 };
/** Frames past that, until this client hangs up. */
const MAX_EXCESS_FRAMES = 10_000;
/** The client keeps below the server's rate by so much, as packets bunch up on their way. */
const PACE = 0.9;

export type ClientEffect =
  /** Opens a new connection, in the place of any that is there. */
  | { readonly kind: 'dial' }
  | { readonly kind: 'hang-up' }
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  | { readonly kind: 'ping' }
  | { readonly kind: 'state'; readonly state: SignalingState['state']; readonly error: string | undefined }
  | { readonly kind: 'message'; readonly from: PublicKey; readonly sealed: Uint8Array }
  | { readonly kind: 'undeliverable'; readonly to: PublicKey }
  | { readonly kind: 'available'; readonly publicKey: PublicKey };

export type ClientDropReason =
  'malformed' | 'unexpected' | 'rate' | 'outbox-full' | 'payload-size' | 'invalid-recipient';

/** Why a connection ended. */
export interface ConnectionEnd {
  /** WebSocket close code; undefined where there was no closing frame. */
  readonly code?: number;
  /** One line, without credentials. */
  readonly error: string;
}

type Phase =
  | { readonly name: 'stopped' }
  | { readonly name: 'dialling'; readonly deadlineMs: number }
  /** `proof` is what the server must answer with, once we have sent ours. */
  | { readonly name: 'registering'; readonly deadlineMs: number; readonly proof: Uint8Array | undefined }
  | { readonly name: 'up'; readonly sinceMs: number }
  | { readonly name: 'waiting'; readonly untilMs: number; readonly replaced: boolean };

export interface ClientSessionOptions {
  /** Canonical. */
  readonly url: string;
  readonly identity: Pick<Identity, 'publicKey' | 'agree'>;
  readonly random: RandomSource;
}

/**
 * A client's relation with one server, over all its connections: dialling, admission, liveness, pacing, back-off. Pure:
 * events and time come in, effects go out; {@link nextTimeoutMs} says when to call {@link handleTimeout}.
 */
export class ClientSession {
  readonly #url: string;
  readonly #identity: ClientSessionOptions['identity'];
  readonly #random: RandomSource;
  readonly #outbox = new Outbox();
  readonly #dropped = new Counters<ClientDropReason>();
  #phase: Phase = { name: 'stopped' };
  #state: SignalingState['state'] = 'down';
  #error: string | undefined;
  #failures = 0;
  #timesReplaced = 0;
  #dialledAtMs = -Infinity;
  #heardAtMs = 0;
  #pongByMs: number | undefined;
  #queuedBytes = 0;
  #pace: { messages: TokenBucket; bytes: TokenBucket } | undefined;
  #flushAtMs: number | undefined;
  #inbound: TokenBucket | undefined;
  #excessFrames = 0;

  constructor(options: ClientSessionOptions) {
    this.#url = options.url;
    this.#identity = options.identity;
    this.#random = options.random;
  }

  get dropped(): Counters<ClientDropReason> {
    return this.#dropped;
  }

  start(nowMs: number): ClientEffect[] {
    if (this.#phase.name !== 'stopped') return [];
    return [...this.#dial(nowMs), ...this.#enter('connecting', undefined)];
  }

  stop(): ClientEffect[] {
    if (this.#phase.name === 'stopped') return [];
    this.#phase = { name: 'stopped' };
    return [{ kind: 'hang-up' }, ...this.#enter('down', undefined)];
  }

  /** The WebSocket is open. */
  opened(nowMs: number): ClientEffect[] {
    if (this.#phase.name !== 'dialling') return [];
    this.#phase = { name: 'registering', deadlineMs: nowMs + REGISTER_WITHIN_MS, proof: undefined };
    this.#heard(nowMs);
    return [];
  }

  receive(frame: Uint8Array, nowMs: number): ClientEffect[] {
    const excess = this.heard(nowMs);
    if (excess) return excess;
    const message = decodeFrame(frame);
    if (!message) {
      this.#dropped.count('malformed');
      return [];
    }
    const phase = this.#phase;
    if (phase.name === 'registering') {
      if (message.type === 'welcome' && !phase.proof) return this.#register(message, phase.deadlineMs, nowMs);
      if (message.type === 'registered' && phase.proof) return this.#registered(message.proof, phase.proof, nowMs);
    }
    if (phase.name === 'up') {
      switch (message.type) {
        case 'message':
          return [{ kind: 'message', from: message.from, sealed: message.sealed }];
        case 'undeliverable':
          return [{ kind: 'undeliverable', to: message.to }];
        case 'available':
          return [{ kind: 'available', publicKey: message.publicKey }];
        case 'welcome':
        case 'register':
        case 'registered':
        case 'publish':
          break;
      }
    }
    this.#dropped.count('unexpected');
    return [];
  }

  /**
   * Anything came in, a WebSocket ping or pong included.
   * @returns what to do where the server sends more than it may; undefined where not.
   */
  heard(nowMs: number): ClientEffect[] | undefined {
    this.#heard(nowMs);
    this.#inbound ??= new TokenBucket(INBOUND.perSecond, INBOUND.burst);
    if (this.#inbound.take(nowMs)) return undefined;
    this.#dropped.count('rate');
    this.#excessFrames += 1;
    const { name } = this.#phase;
    if (this.#excessFrames <= MAX_EXCESS_FRAMES || (name !== 'registering' && name !== 'up')) return [];
    return this.#fail('the server floods this node with messages', nowMs);
  }

  /** `sizeBytes` of an effect `send` have left for the network. */
  sent(sizeBytes: number, nowMs: number): ClientEffect[] {
    const wasFull = this.#queuedBytes >= MAX_QUEUED_BYTES;
    this.#queuedBytes = Math.max(0, this.#queuedBytes - sizeBytes);
    return wasFull ? this.#flush(nowMs) : [];
  }

  /** The connection failed to open, or ended. */
  closed(end: ConnectionEnd, nowMs: number): ClientEffect[] {
    switch (this.#phase.name) {
      case 'stopped':
      case 'waiting':
        return [];
      case 'dialling':
      case 'registering':
      case 'up':
        return this.#lost(end, nowMs);
    }
  }

  publish(to: PublicKey, sealed: Uint8Array, nowMs: number): ClientEffect[] {
    if (sealed.length === 0 || sealed.length > MAX_SEALED_BYTES) this.#dropped.count('payload-size');
    else if (!publicKeyBytes(to)) this.#dropped.count('invalid-recipient');
    else if (!this.#outbox.put(to, sealed, nowMs)) this.#dropped.count('outbox-full');
    return this.#flush(nowMs);
  }

  /** The network changed, or somebody wants a message delivered now: dials at once, or makes sure of the connection. */
  nudge(nowMs: number): ClientEffect[] {
    switch (this.#phase.name) {
      case 'stopped':
        return [];
      case 'up':
        // One question at a time, however often we are nudged.
        if (this.#pongByMs !== undefined && this.#pongByMs <= nowMs + PONG_AFTER_NUDGE_WITHIN_MS) return [];
        this.#pongByMs = nowMs + PONG_AFTER_NUDGE_WITHIN_MS;
        return [{ kind: 'ping' }];
      case 'dialling':
      case 'registering': {
        // It may be stuck on a network that is gone, or be about to succeed: it gets a little more time.
        const deadlineMs = Math.min(this.#phase.deadlineMs, nowMs + NUDGED_ATTEMPT_MS);
        this.#phase = { ...this.#phase, deadlineMs };
        this.#failures = 0;
        return [];
      }
      case 'waiting':
        // A dispute about the key is not settled by a change of the network.
        if (this.#phase.replaced) return [];
        this.#failures = 0;
        if (nowMs >= this.#dialledAtMs + MIN_DIAL_INTERVAL_MS) return this.#dial(nowMs);
        this.#phase = { name: 'waiting', untilMs: this.#dialledAtMs + MIN_DIAL_INTERVAL_MS, replaced: false };
        return [];
    }
  }

  nextTimeoutMs(): number | undefined {
    switch (this.#phase.name) {
      case 'stopped':
        return undefined;
      case 'dialling':
        return this.#phase.deadlineMs;
      case 'registering':
        return Math.min(this.#phase.deadlineMs, this.#flushAtMs ?? Infinity);
      case 'up':
        return Math.min(this.#pongByMs ?? this.#heardAtMs + PING_AFTER_MS, this.#flushAtMs ?? Infinity);
      case 'waiting':
        return this.#phase.untilMs;
    }
  }

  handleTimeout(nowMs: number): ClientEffect[] {
    const phase = this.#phase;
    switch (phase.name) {
      case 'stopped':
        return [];
      case 'waiting':
        return nowMs >= phase.untilMs ? this.#dial(nowMs) : [];
      case 'dialling':
        return nowMs >= phase.deadlineMs ? this.#fail('no connection in time', nowMs) : [];
      case 'registering':
        if (nowMs >= phase.deadlineMs) return this.#fail('the server did not register this node in time', nowMs);
        return this.#flush(nowMs);
      case 'up':
        if (this.#pongByMs !== undefined && nowMs >= this.#pongByMs) {
          return this.#fail('the server does not answer any more', nowMs);
        }
        if (this.#pongByMs === undefined && nowMs >= this.#heardAtMs + PING_AFTER_MS) {
          this.#pongByMs = nowMs + PONG_WITHIN_MS;
          return [{ kind: 'ping' }, ...this.#flush(nowMs)];
        }
        return this.#flush(nowMs);
    }
  }

  #dial(nowMs: number): ClientEffect[] {
    this.#phase = { name: 'dialling', deadlineMs: nowMs + OPEN_WITHIN_MS };
    this.#dialledAtMs = nowMs;
    this.#excessFrames = 0;
    this.#queuedBytes = 0;
    this.#pace = undefined;
    this.#flushAtMs = undefined;
    this.#pongByMs = undefined;
    this.#outbox.expire(nowMs);
    return [{ kind: 'dial' }];
  }

  #register(welcome: Extract<Message, { type: 'welcome' }>, deadlineMs: number, nowMs: number): ClientEffect[] {
    const { serverKey, challenge, limits } = welcome;
    const shared = this.#identity.agree(serverKey);
    const clientKey = publicKeyBytes(this.#identity.publicKey);
    if (!shared || !clientKey) return this.#fail('the server sent a key that is none', nowMs);
    const proofs = admissionProofs(shared, { clientKey, serverKey, challenge, url: this.#url });
    this.#phase = { name: 'registering', deadlineMs, proof: proofs.server };
    this.#pace = pacedBy(limits);
    const bytes = encodeFrame({ type: 'register', clientKey, proof: proofs.client, url: this.#url });
    // What waits follows at once: the server reads in order, so this saves a round trip.
    return [this.#send(bytes), ...this.#flush(nowMs)];
  }

  #registered(proof: Uint8Array, expected: Uint8Array, nowMs: number): ClientEffect[] {
    if (!sameProof(proof, expected)) return this.#fail('the server did not prove its key', nowMs);
    this.#phase = { name: 'up', sinceMs: nowMs };
    return [...this.#enter('up', undefined), ...this.#flush(nowMs)];
  }

  #flush(nowMs: number): ClientEffect[] {
    this.#flushAtMs = undefined;
    const isRegistered = this.#phase.name === 'up' || (this.#phase.name === 'registering' && this.#phase.proof);
    if (!isRegistered || !this.#pace) return [];
    const effects: ClientEffect[] = [];
    while (this.#queuedBytes < MAX_QUEUED_BYTES) {
      const next = this.#outbox.peek(nowMs);
      if (!next) break;
      const bytes = encodeFrame({ type: 'publish', to: next.to, sealed: next.sealed });
      const { messages, bytes: volume } = this.#pace;
      const waitMs = Math.max(messages.waitMs(nowMs), volume.waitMs(nowMs, bytes.length));
      if (waitMs > 0) {
        this.#flushAtMs = nowMs + waitMs;
        break;
      }
      messages.take(nowMs);
      volume.take(nowMs, bytes.length);
      this.#outbox.remove(next.to);
      effects.push(this.#send(bytes));
    }
    return effects;
  }

  #send(bytes: Uint8Array): ClientEffect {
    this.#queuedBytes += bytes.length;
    return { kind: 'send', bytes };
  }

  #fail(error: string, nowMs: number): ClientEffect[] {
    return [{ kind: 'hang-up' }, ...this.#lost({ error }, nowMs)];
  }

  #lost(end: ConnectionEnd, nowMs: number): ClientEffect[] {
    const upForMs = this.#phase.name === 'up' ? nowMs - this.#phase.sinceMs : undefined;
    if (upForMs !== undefined && upForMs >= STABLE_MS) this.#failures = 0;
    if (upForMs !== undefined && upForMs >= UNDISPUTED_MS) this.#timesReplaced = 0;
    const replaced = end.code === CLOSE_CODES.replaced;
    const delayMs = replaced
      ? replacedDelayMs(this.#timesReplaced++, this.#random)
      : reconnectDelayMs(this.#failures++, this.#random);
    this.#phase = { name: 'waiting', untilMs: nowMs + delayMs, replaced };
    this.#flushAtMs = undefined;
    // A connection that was up gets one attempt before it is called down.
    return this.#enter(upForMs !== undefined && !replaced ? 'connecting' : 'down', end.error);
  }

  #enter(state: SignalingState['state'], error: string | undefined): ClientEffect[] {
    if (state === this.#state && error === this.#error) return [];
    this.#state = state;
    this.#error = error;
    return [{ kind: 'state', state, error }];
  }

  #heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#pongByMs = undefined;
  }
}

/** A server that announces nonsense is sent little, not nothing. */
function pacedBy(limits: RateLimits): { messages: TokenBucket; bytes: TokenBucket } {
  const paced = (perSecond: number, burst: number, atLeast: number) =>
    new TokenBucket(Math.max(atLeast, perSecond * PACE), Math.max(atLeast, Math.floor(burst * PACE)));
  return {
    messages: paced(limits.messagesPerSecond, limits.messageBurst, 1),
    bytes: paced(limits.bytesPerSecond, limits.byteBurst, MAX_FRAME_BYTES),
  };
}
