import type { Clock, Guard, Identity, PublicKey, RandomSource, SignalingState } from '@wirepath/core/plugin';
import type { ClientEffect, ConnectionEnd } from '../protocol/client-session.js';
import { ClientSession } from '../protocol/client-session.js';
import { describeError } from './connection-end.js';
import type { DialledSocket, DialledSocketEvents } from './dialled-socket.js';

export interface RendezvousLinkOptions {
  /** As configured: what people see, and what is dialled. */
  readonly url: string;
  /** What the proof is bound to. */
  readonly canonicalUrl: string;
  readonly identity: Pick<Identity, 'publicKey' | 'agree'>;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly random: RandomSource;
  readonly openSocket: (url: string, events: DialledSocketEvents, signal: AbortSignal) => Promise<DialledSocket>;
  /** What of the session's effects concerns others than this link. */
  readonly onEffect: (effect: Exclude<ClientEffect, { kind: 'dial' | 'hang-up' | 'send' | 'ping' }>) => void;
}

/** One server: carries out what its {@link ClientSession} decides, with a socket and a timer. */
export class RendezvousLink {
  readonly #options: RendezvousLinkOptions;
  readonly #session: ClientSession;
  #state: SignalingState;
  #socket: DialledSocket | undefined;
  #timer: Disposable | undefined;
  /** Counts dials, so that what an earlier one still reports is not mistaken for the current one's. */
  #dial = 0;
  /** Ends the dial that is under way. */
  #dialling = new AbortController();
  readonly #farewells = new Set<Promise<void>>();

  constructor(options: RendezvousLinkOptions) {
    this.#options = options;
    this.#session = new ClientSession({ ...options, url: options.canonicalUrl });
    this.#state = { url: options.url, state: 'down', sinceMs: options.clock.unixMs() };
  }

  get state(): SignalingState {
    return this.#state;
  }

  get dropped(): Readonly<Record<string, number>> {
    return this.#session.dropped.snapshot();
  }

  start(): void {
    this.#step((session, nowMs) => session.start(nowMs));
  }

  publish(to: PublicKey, sealed: Uint8Array): void {
    this.#step((session, nowMs) => session.publish(to, sealed, nowMs));
  }

  nudge(): void {
    this.#step((session, nowMs) => session.nudge(nowMs));
  }

  /** Resolves when no socket is left. */
  async stop(): Promise<void> {
    this.#step((session) => session.stop());
    await Promise.all(this.#farewells);
  }

  #step(event: (session: ClientSession, nowMs: number) => ClientEffect[]): void {
    const { clock, guard } = this.#options;
    // Whatever fails, the timer is armed: it is what dials again.
    for (const effect of guard.run('session', () => event(this.#session, clock.now())) ?? [])
      guard.run(effect.kind, () => this.#carryOut(effect));
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const timeoutMs = this.#session.nextTimeoutMs();
    if (timeoutMs === undefined) return;
    // Rounded up: a timer that fires a fraction early would spin.
    const delayMs = Math.max(0, Math.ceil(timeoutMs - clock.now()));
    this.#timer = clock.setTimeout(() => this.#step((session, nowMs) => session.handleTimeout(nowMs)), delayMs);
  }

  #carryOut(effect: ClientEffect): void {
    switch (effect.kind) {
      case 'dial':
        this.#hangUp();
        this.#dialling = new AbortController();
        void this.#open(this.#dial, this.#dialling.signal);
        return;
      case 'hang-up':
        this.#hangUp();
        return;
      case 'send':
        this.#socket?.send(effect.bytes);
        return;
      case 'ping':
        this.#socket?.ping();
        return;
      case 'state': {
        const { state, error } = effect;
        const sinceMs = state === this.#state.state ? this.#state.sinceMs : this.#options.clock.unixMs();
        this.#state = { url: this.#options.url, state, sinceMs, ...(error === undefined ? {} : { error }) };
        this.#options.onEffect(effect);
        return;
      }
      case 'message':
      case 'undeliverable':
      case 'available':
        this.#options.onEffect(effect);
    }
  }

  async #open(dial: number, signal: AbortSignal): Promise<void> {
    const ifCurrent = (event: (session: ClientSession, nowMs: number) => ClientEffect[]) => {
      if (dial === this.#dial) this.#step(event);
    };
    const ended = (end: ConnectionEnd) => ifCurrent((session, nowMs) => session.closed(end, nowMs));
    try {
      const events: DialledSocketEvents = {
        opened: () => ifCurrent((session, nowMs) => session.opened(nowMs)),
        frame: (bytes) => ifCurrent((session, nowMs) => session.receive(bytes, nowMs)),
        heard: () => ifCurrent((session, nowMs) => session.heard(nowMs) ?? []),
        sent: (sizeBytes) => ifCurrent((session, nowMs) => session.sent(sizeBytes, nowMs)),
        ended,
      };
      const socket = await this.#options.openSocket(this.#options.url, events, signal);
      if (dial === this.#dial) this.#socket = socket;
      else this.#sayGoodbye(socket);
    } catch (error) {
      ended({ error: describeError(error) });
    }
  }

  #hangUp(): void {
    this.#dial += 1;
    this.#dialling.abort();
    if (this.#socket) this.#sayGoodbye(this.#socket);
    this.#socket = undefined;
  }

  #sayGoodbye(socket: DialledSocket): void {
    const farewell = socket.hangUp().finally(() => this.#farewells.delete(farewell));
    this.#farewells.add(farewell);
  }
}
