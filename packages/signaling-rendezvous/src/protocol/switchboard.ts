import type { PublicKey } from '@wirepath/core/plugin';
import { Counters } from './counters.js';
import { encodeMessage } from './message.js';
import type { CloseReason } from './rendezvous-v1.js';
import type { ServerLimits } from './server-limits.js';
import { ServerSession, type Request } from './server-session.js';
import { WaitingSenders } from './waiting-senders.js';
import { x25519KeyPair, type X25519KeyPair } from './x25519.js';

/** What the sockets are to do. */
export type SwitchboardEffect =
  | { readonly kind: 'send'; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly kind: 'ping'; readonly connection: number }
  | { readonly kind: 'close'; readonly connection: number; readonly reason: CloseReason }
  /** There is nobody to say goodbye to. */
  | { readonly kind: 'terminate'; readonly connection: number }
  /** A proof that was right, but for a URL that is not ours: the configuration lacks it, or somebody passes proofs on. */
  | { readonly kind: 'foreign-url'; readonly url: string };

export type DropReason =
  'malformed' | 'rate' | 'undeliverable' | 'recipient-queue-full' | 'server-queue-full' | 'waiting-list-full';

export type CloseCause = CloseReason | 'evicted' | 'silent' | 'slow-reader';

export interface SwitchboardStatus {
  readonly clients: number;
  readonly unproven: number;
  /** Senders that wait for an absent recipient. */
  readonly waiting: number;
  readonly queuedBytes: number;
  readonly forwarded: number;
  readonly forwardedBytes: number;
  readonly registrations: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly closed: Readonly<Record<string, number>>;
}

export interface SwitchboardOptions {
  readonly limits: ServerLimits;
  readonly randomBytes: (length: number) => Uint8Array;
}

/**
 * All connections of a server, without the sockets: who is registered, who may send what to whom. Each event returns
 * the effects to carry out, in order.
 */
export class Switchboard {
  readonly #randomBytes: (length: number) => Uint8Array;
  /** Fresh per process: a proof is worth nothing after a restart. */
  readonly #serverKey: X25519KeyPair;
  readonly #sessions = new Map<number, ServerSession>();
  readonly #unproven = new Set<ServerSession>();
  readonly #registered = new Map<PublicKey, ServerSession>();
  readonly #waiting: WaitingSenders;
  readonly #dropped = new Counters<DropReason>();
  readonly #closed = new Counters<CloseCause>();
  #limits: ServerLimits;
  #nextId = 1;
  #queuedBytes = 0;
  #forwarded = 0;
  #forwardedBytes = 0;
  #registrations = 0;

  constructor(options: SwitchboardOptions) {
    this.#limits = options.limits;
    this.#randomBytes = options.randomBytes;
    this.#serverKey = x25519KeyPair(options.randomBytes(32));
    this.#waiting = new WaitingSenders(options.limits.waiting);
  }

  get isEmpty(): boolean {
    return this.#sessions.size === 0;
  }

  /** Those that are in stay in. */
  setMaxClients(maxClients: number): void {
    this.#limits = { ...this.#limits, maxClients };
  }

  /** @param ownsUrl whether a canonical URL leads to this server over this connection. */
  open(ownsUrl: (url: string) => boolean, nowMs: number): { connection: number; effects: SwitchboardEffect[] } {
    const effects: SwitchboardEffect[] = [];
    // An honest client registers within a round trip: under a flood the oldest is the least likely to be one.
    for (const oldest of this.#unproven) {
      if (this.#unproven.size < this.#limits.maxUnproven) break;
      this.#closed.add('evicted');
      effects.push(...this.#close(oldest, 'full'));
    }
    const id = this.#nextId++;
    const challenge = this.#randomBytes(32);
    const session = new ServerSession(
      { id, serverKey: this.#serverKey, challenge, ownsUrl, limits: this.#limits },
      nowMs,
    );
    this.#sessions.set(id, session);
    this.#unproven.add(session);
    this.#send(effects, session, session.welcome());
    return { connection: id, effects };
  }

  receive(connection: number, frame: Uint8Array, nowMs: number): SwitchboardEffect[] {
    const session = this.#sessions.get(connection);
    return session ? this.#carryOut(session, session.receive(frame, nowMs), nowMs) : [];
  }

  /** A WebSocket ping or pong. */
  heard(connection: number, nowMs: number): SwitchboardEffect[] {
    const session = this.#sessions.get(connection);
    const excess = session?.heard(0, nowMs);
    return session && excess ? this.#carryOut(session, excess, nowMs) : [];
  }

  /** `sizeBytes` of a {@link SwitchboardEffect} `send` have left for the network. */
  sent(connection: number, sizeBytes: number): void {
    const session = this.#sessions.get(connection);
    if (!session) return;
    session.queuedBytes -= sizeBytes;
    this.#queuedBytes -= sizeBytes;
    if (session.queuedBytes <= this.#limits.maxQueuedBytes / 2) session.blockedSinceMs = undefined;
  }

  closed(connection: number): void {
    const session = this.#sessions.get(connection);
    if (session) this.#forget(session);
  }

  /** To be called about once a second while not {@link isEmpty}. */
  tick(nowMs: number): SwitchboardEffect[] {
    this.#waiting.expire(nowMs);
    return [...this.#sessions.values()].flatMap((session): SwitchboardEffect[] => {
      const finding = session.check(nowMs);
      switch (finding) {
        case 'fine':
          return [];
        case 'ping':
          return [{ kind: 'ping', connection: session.id }];
        case 'too-late':
          this.#closed.add('tooLate');
          return this.#close(session, 'tooLate');
        case 'silent':
        case 'slow-reader':
          this.#closed.add(finding);
          this.#forget(session);
          return [{ kind: 'terminate', connection: session.id }];
      }
    });
  }

  status(): SwitchboardStatus {
    return {
      clients: this.#registered.size,
      unproven: this.#unproven.size,
      waiting: this.#waiting.size,
      queuedBytes: this.#queuedBytes,
      forwarded: this.#forwarded,
      forwardedBytes: this.#forwardedBytes,
      registrations: this.#registrations,
      dropped: this.#dropped.toJSON(),
      closed: this.#closed.toJSON(),
    };
  }

  #carryOut(session: ServerSession, request: Request, nowMs: number): SwitchboardEffect[] {
    switch (request.kind) {
      case 'register':
        return this.#register(session, request.publicKey, request.answer, nowMs);
      case 'publish':
        return this.#forward(session, request.to, request.sealed, nowMs);
      case 'drop':
        this.#dropped.add(request.reason);
        return [];
      case 'close': {
        this.#closed.add(request.reason);
        const effects = this.#close(session, request.reason);
        return request.url === undefined ? effects : [...effects, { kind: 'foreign-url', url: request.url }];
      }
    }
  }

  #register(session: ServerSession, publicKey: PublicKey, answer: Uint8Array, nowMs: number): SwitchboardEffect[] {
    const effects: SwitchboardEffect[] = [];
    const previous = this.#registered.get(publicKey);
    if (previous) {
      this.#closed.add('replaced');
      effects.push(...this.#close(previous, 'replaced'));
    } else if (this.#registered.size >= this.#limits.maxClients) {
      this.#closed.add('full');
      return this.#close(session, 'full');
    }
    this.#unproven.delete(session);
    session.publicKey = publicKey;
    this.#registered.set(publicKey, session);
    this.#registrations += 1;
    this.#send(effects, session, answer);
    const available = encodeMessage({ type: 'available', publicKey });
    for (const sender of this.#waiting.take(publicKey, nowMs)) {
      const waiting = this.#registered.get(sender);
      if (waiting && this.#hasRoom(waiting, available.length, nowMs)) this.#send(effects, waiting, available);
    }
    return effects;
  }

  #forward(session: ServerSession, to: PublicKey, sealed: Uint8Array, nowMs: number): SwitchboardEffect[] {
    const from = session.publicKey;
    // Only a registered session's frames are read as publish.
    if (from === undefined) return [];
    const effects: SwitchboardEffect[] = [];
    const recipient = this.#registered.get(to);
    const frame = encodeMessage({ type: 'message', from, sealed });
    if (recipient && this.#hasRoom(recipient, frame.length, nowMs)) {
      this.#send(effects, recipient, frame);
      this.#forwarded += 1;
      this.#forwardedBytes += sealed.length;
      return effects;
    }
    if (!recipient) {
      this.#dropped.add('undeliverable');
      if (!this.#waiting.add(to, from, nowMs)) this.#dropped.add('waiting-list-full');
    }
    const answer = encodeMessage({ type: 'undeliverable', to });
    if (this.#hasRoom(session, answer.length, nowMs)) this.#send(effects, session, answer);
    return effects;
  }

  #hasRoom(session: ServerSession, sizeBytes: number, nowMs: number): boolean {
    if (session.queuedBytes + sizeBytes > this.#limits.maxQueuedBytes) {
      session.blockedSinceMs ??= nowMs;
      this.#dropped.add('recipient-queue-full');
      return false;
    }
    if (this.#queuedBytes + sizeBytes <= this.#limits.maxQueuedBytesTotal) return true;
    this.#dropped.add('server-queue-full');
    return false;
  }

  #send(effects: SwitchboardEffect[], session: ServerSession, bytes: Uint8Array): void {
    session.queuedBytes += bytes.length;
    this.#queuedBytes += bytes.length;
    effects.push({ kind: 'send', connection: session.id, bytes });
  }

  #close(session: ServerSession, reason: CloseReason): SwitchboardEffect[] {
    this.#forget(session);
    return [{ kind: 'close', connection: session.id, reason }];
  }

  /** What else the socket reports of it means nothing any more. */
  #forget(session: ServerSession): void {
    this.#sessions.delete(session.id);
    this.#unproven.delete(session);
    this.#queuedBytes -= session.queuedBytes;
    if (session.publicKey !== undefined && this.#registered.get(session.publicKey) === session) {
      this.#registered.delete(session.publicKey);
    }
  }
}
