import { Counters, FairShares, sourceLevels, type PublicKey } from '@wirepath/core/plugin';
import type { QueuedFrame } from './fair-queue.js';
import { encodeFrame } from './message.js';
import type { CloseReason } from './rendezvous-v1.js';
import type { ServerLimits } from './server-limits.js';
import { ServerSession, type Request } from './server-session.js';
import { WaitingSenders } from './waiting-senders.js';
import { x25519KeyPair, type X25519KeyPair } from './x25519.js';

/** What the sockets are to do. */
export type SwitchboardEffect =
  | { readonly kind: 'send'; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly kind: 'ping'; readonly connection: number }
  | { readonly kind: 'pong'; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly connection: number; readonly reason: CloseReason }
  /** There is nobody to say goodbye to. */
  | { readonly kind: 'terminate'; readonly connection: number }
  /** A proof that was right, but for a URL that is not ours: the configuration lacks it, or somebody passes proofs on. */
  | { readonly kind: 'foreign-url'; readonly url: string }
  /** Its proof was right, and it is not let in; or its key was in already. */
  | { readonly kind: 'not-admitted'; readonly publicKey: PublicKey }
  | { readonly kind: 'replaced'; readonly publicKey: PublicKey };

export type FrameDropReason =
  'malformed' | 'rate' | 'undeliverable' | 'recipient-queue-full' | 'server-queue-full' | 'waiting-list-full';

/**
 * Beside the reasons that a client is told: `evicted` before it registered, `group-share` for others with less, and
 * `largest-queue` because the server's memory for messages was short.
 */
export type CloseCause =
  Exclude<CloseReason, 'slowReader'> | 'evicted' | 'group-share' | 'silent' | 'slow-reader' | 'largest-queue';

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

/** Frames of the server itself have a turn of their own beside those of senders. */
const OWN_PATH: readonly string[] = ['server'];
/** Whoever took next to nothing for so long is cut off before others where memory is short. */
const STALLED_MS = 1000;

/**
 * All connections of a server, without the sockets: who is registered, who may send what to whom. Each event returns
 * the effects to carry out, in order.
 */
export class Switchboard {
  readonly #randomBytes: (length: number) => Uint8Array;
  /** Fresh per process: a proof is worth nothing after a restart. */
  readonly #serverKey: X25519KeyPair;
  readonly #sessions = new Map<number, ServerSession>();
  readonly #unproven = new FairShares<ServerSession>();
  readonly #clients = new FairShares<ServerSession>();
  readonly #registered = new Map<PublicKey, ServerSession>();
  readonly #waiting: WaitingSenders;
  readonly #dropped = new Counters<FrameDropReason>();
  readonly #closed = new Counters<CloseCause>();
  #limits: ServerLimits;
  #admitted: ReadonlySet<PublicKey> | undefined;
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
    this.setLimits({ ...this.#limits, maxClients });
  }

  /** For what comes from now on. */
  setLimits(limits: ServerLimits): void {
    this.#limits = limits;
  }

  /**
   * The keys that may register, or anybody's. Those that are in and may not be stay no longer.
   * @param keys undefined: anybody's.
   */
  admitOnly(keys: ReadonlySet<PublicKey> | undefined, nowMs: number): SwitchboardEffect[] {
    this.#admitted = keys;
    if (!keys) return [];
    const refused = [...this.#registered].filter(([publicKey]) => !keys.has(publicKey));
    return refused.flatMap(([, session]) => {
      this.#closed.count('notAdmitted');
      return this.#close(session, 'notAdmitted', nowMs);
    });
  }

  /**
   * @param ownsUrl whether a canonical URL leads to this server over this connection.
   * @param levels the blocks of addresses that the client is in, widest first.
   */
  open(
    ownsUrl: (url: string) => boolean,
    nowMs: number,
    levels: readonly string[] = sourceLevels(undefined),
  ): { connection: number; effects: SwitchboardEffect[] } {
    const effects: SwitchboardEffect[] = [];
    const id = this.#nextId++;
    const challenge = this.#randomBytes(32);
    const session = new ServerSession(
      { id, levels, serverKey: this.#serverKey, challenge, ownsUrl, limits: this.#limits },
      nowMs,
    );
    this.#sessions.set(id, session);
    this.#unproven.add(session, levels);
    // An honest client registers within a round trip: under a flood the oldest is the least likely to be one.
    while (this.#unproven.size > this.#limits.maxUnproven) {
      const oldest = this.#unproven.oldestOfLargest();
      if (!oldest) break;
      this.#closed.count('evicted');
      effects.push(...this.#close(oldest, 'full', nowMs));
    }
    this.#sendOwn(effects, session, session.welcome(), nowMs);
    return { connection: id, effects };
  }

  receive(connection: number, frame: Uint8Array, nowMs: number): SwitchboardEffect[] {
    const session = this.#sessions.get(connection);
    return session ? this.#carryOut(session, session.receive(frame, nowMs), nowMs) : [];
  }

  /** A WebSocket pong. */
  heard(connection: number, nowMs: number): SwitchboardEffect[] {
    const session = this.#sessions.get(connection);
    const excess = session?.heard(0, nowMs);
    return session && excess ? this.#carryOut(session, excess, nowMs) : [];
  }

  /** A WebSocket ping: it is not answered past the rate, nor before the last answer has left. */
  pinged(connection: number, payload: Uint8Array, nowMs: number): SwitchboardEffect[] {
    const session = this.#sessions.get(connection);
    if (!session) return [];
    const excess = session.heard(payload.length, nowMs);
    if (excess) return this.#carryOut(session, excess, nowMs);
    const bytes = session.pongs.pinged(payload);
    return bytes ? [{ kind: 'pong', connection, bytes }] : [];
  }

  /** The kernel has taken the pong. */
  ponged(connection: number): SwitchboardEffect[] {
    const bytes = this.#sessions.get(connection)?.pongs.ponged();
    return bytes ? [{ kind: 'pong', connection, bytes }] : [];
  }

  /** The kernel has taken the `sizeBytes` of a {@link SwitchboardEffect} `send`. */
  sent(connection: number, sizeBytes: number, nowMs: number): SwitchboardEffect[] {
    const session = this.#sessions.get(connection);
    if (!session) return [];
    const heldBytes = session.outflow.heldBytes;
    const next = session.outflow.taken(sizeBytes, nowMs);
    this.#queuedBytes += session.outflow.heldBytes - heldBytes;
    return next.map(({ bytes }) => ({ kind: 'send', connection, bytes }));
  }

  closed(connection: number, nowMs: number): SwitchboardEffect[] {
    const session = this.#sessions.get(connection);
    return session ? this.#forget(session, nowMs) : [];
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
          this.#closed.count('tooLate');
          return this.#close(session, 'tooLate', nowMs);
        case 'slow-reader':
          this.#closed.count('slow-reader');
          return this.#close(session, 'slowReader', nowMs);
        case 'silent':
          this.#closed.count('silent');
          return [{ kind: 'terminate', connection: session.id }, ...this.#forget(session, nowMs)];
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
      dropped: this.#dropped.snapshot(),
      closed: this.#closed.snapshot(),
    };
  }

  #carryOut(session: ServerSession, request: Request, nowMs: number): SwitchboardEffect[] {
    switch (request.kind) {
      case 'register':
        return this.#register(session, request.publicKey, request.answer, nowMs);
      case 'publish':
        return this.#forward(session, request.to, request.sealed, nowMs);
      case 'drop':
        this.#dropped.count(request.reason);
        return [];
      case 'close': {
        this.#closed.count(request.reason);
        const effects = this.#close(session, request.reason, nowMs);
        return request.url === undefined ? effects : [...effects, { kind: 'foreign-url', url: request.url }];
      }
    }
  }

  #register(session: ServerSession, publicKey: PublicKey, answer: Uint8Array, nowMs: number): SwitchboardEffect[] {
    const effects: SwitchboardEffect[] = [];
    const previous = this.#registered.get(publicKey);
    if (this.#admitted && !this.#admitted.has(publicKey)) {
      this.#closed.count('notAdmitted');
      return [...this.#close(session, 'notAdmitted', nowMs), { kind: 'not-admitted', publicKey }];
    }
    if (previous) {
      this.#closed.count('replaced');
      effects.push(...this.#close(previous, 'replaced', nowMs), { kind: 'replaced', publicKey });
    } else if (this.#registered.size >= this.#limits.maxClients) {
      const yielding = this.#clients.yieldingTo(session.levels);
      if (!yielding) {
        this.#closed.count('full');
        return this.#close(session, 'full', nowMs);
      }
      this.#closed.count('group-share');
      effects.push(...this.#close(yielding, 'full', nowMs));
    }
    this.#unproven.delete(session);
    session.publicKey = publicKey;
    this.#registered.set(publicKey, session);
    this.#clients.add(session, session.levels);
    this.#registrations += 1;
    this.#sendOwn(effects, session, answer, nowMs);
    const available = encodeFrame({ type: 'available', publicKey });
    for (const sender of this.#waiting.take(publicKey, nowMs)) {
      const waiting = this.#registered.get(sender);
      if (waiting) this.#sendOwn(effects, waiting, available, nowMs);
    }
    return effects;
  }

  #forward(session: ServerSession, to: PublicKey, sealed: Uint8Array, nowMs: number): SwitchboardEffect[] {
    const from = session.publicKey;
    // Only a registered session's frames are read as publish.
    if (from === undefined) return [];
    const effects: SwitchboardEffect[] = [];
    const recipient = this.#registered.get(to);
    if (recipient) {
      const frame = { bytes: encodeFrame({ type: 'message', from, sealed }), from };
      if (this.#makeRoom(effects, recipient, frame.bytes.length, nowMs)) {
        const dropped = this.#put(effects, recipient, frame, [...session.levels, from], nowMs);
        this.#tellDropped(effects, to, dropped, nowMs);
        if (!dropped.includes(frame)) {
          this.#forwarded += 1;
          this.#forwardedBytes += sealed.length;
        }
        return effects;
      }
    } else {
      this.#dropped.count('undeliverable');
    }
    this.#tellUndeliverable(effects, to, session, nowMs);
    return effects;
  }

  /**
   * Where the memory for all is short, ends those who hold the most of it, first of those who take next to nothing.
   * @returns false when the frame for `recipient` is to be dropped all the same.
   */
  #makeRoom(effects: SwitchboardEffect[], recipient: ServerSession, sizeBytes: number, nowMs: number): boolean {
    while (this.#queuedBytes + sizeBytes > this.#limits.maxQueuedBytesTotal) {
      const largest = this.#largestQueue(nowMs);
      if (!largest || largest.outflow.heldBytes < sizeBytes) {
        this.#dropped.count('server-queue-full');
        return false;
      }
      this.#closed.count('largest-queue');
      effects.push(...this.#close(largest, 'slowReader', nowMs));
      if (largest !== recipient) continue;
      this.#dropped.count('server-queue-full');
      return false;
    }
    return true;
  }

  /** Of those who take next to nothing, where there are any, the one with the most waiting, and of those the least progress. */
  #largestQueue(nowMs: number): ServerSession | undefined {
    let largest: ServerSession | undefined;
    let rank: readonly [number, number, number] = [0, 0, 0];
    for (const session of this.#sessions.values()) {
      const { heldBytes } = session.outflow;
      if (heldBytes === 0) continue;
      const stuckMs = session.outflow.stuckMs(nowMs);
      const own = [stuckMs >= STALLED_MS ? 1 : 0, heldBytes, stuckMs] as const;
      if (largest && (own[0] - rank[0] || own[1] - rank[1] || own[2] - rank[2]) <= 0) continue;
      largest = session;
      rank = own;
    }
    return largest;
  }

  /** @returns what was dropped for it, or of it. */
  #put(
    effects: SwitchboardEffect[],
    session: ServerSession,
    frame: QueuedFrame,
    path: readonly string[],
    nowMs: number,
  ): readonly QueuedFrame[] {
    // It may have been ended a moment ago, to make room.
    if (!this.#sessions.has(session.id)) return [];
    const heldBytes = session.outflow.heldBytes;
    const { give, dropped } = session.outflow.put(frame, path, this.#limits.maxQueuedBytes, nowMs);
    this.#queuedBytes += session.outflow.heldBytes - heldBytes;
    for (const { bytes } of give) effects.push({ kind: 'send', connection: session.id, bytes });
    for (let i = 0; i < dropped.length; i++) this.#dropped.count('recipient-queue-full');
    return dropped;
  }

  #sendOwn(effects: SwitchboardEffect[], session: ServerSession, bytes: Uint8Array, nowMs: number): void {
    if (!this.#makeRoom(effects, session, bytes.length, nowMs)) return;
    this.#put(effects, session, { bytes, from: undefined }, OWN_PATH, nowMs);
  }

  /** Tells each sender once. */
  #tellDropped(effects: SwitchboardEffect[], to: PublicKey, frames: readonly QueuedFrame[], nowMs: number): void {
    for (const from of new Set(frames.map((frame) => frame.from))) {
      const sender = from === undefined ? undefined : this.#registered.get(from);
      if (sender) this.#tellUndeliverable(effects, to, sender, nowMs);
    }
  }

  /** Whoever is told that somebody is not there is also told when that one comes. */
  #tellUndeliverable(effects: SwitchboardEffect[], to: PublicKey, sender: ServerSession, nowMs: number): void {
    const { publicKey, levels } = sender;
    if (publicKey === undefined) return;
    if (!this.#registered.has(to) && !this.#waiting.add(to, publicKey, nowMs, levels)) {
      this.#dropped.count('waiting-list-full');
    }
    this.#sendOwn(effects, sender, encodeFrame({ type: 'undeliverable', to }), nowMs);
  }

  #close(session: ServerSession, reason: CloseReason, nowMs: number): SwitchboardEffect[] {
    return [{ kind: 'close', connection: session.id, reason }, ...this.#forget(session, nowMs)];
  }

  /** What else the socket reports of it means nothing any more. Whose frames it was not given are told. */
  #forget(session: ServerSession, nowMs: number): SwitchboardEffect[] {
    const effects: SwitchboardEffect[] = [];
    const { publicKey, outflow } = session;
    this.#sessions.delete(session.id);
    this.#unproven.delete(session);
    this.#clients.delete(session);
    this.#queuedBytes -= outflow.heldBytes;
    if (publicKey === undefined) return effects;
    if (this.#registered.get(publicKey) === session) this.#registered.delete(publicKey);
    this.#tellDropped(effects, publicKey, outflow.discard(), nowMs);
    return effects;
  }
}
