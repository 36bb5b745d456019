import { Counters } from '../../base/counting/counters.js';
import type { Clock, RandomSource } from '../../base/time/clock.js';
import type { Guard } from '../../base/guard/guard.js';
import type { PublicKey } from '../../base/identity/identity.js';
import type { Logger } from '../../base/logging/logger.js';
import type { TransportPath } from '../../contracts/path.js';
import type { Transport } from '../../contracts/transport.js';
import { ConnectivityChecks } from '../adapters/connectivity-checks.js';
import type { LoopWatch } from '../adapters/loop-watch.js';
import type { EngineEffect } from '../../engine/effects.js';
import type { EngineEvent } from '../../engine/events.js';
import { enginePathOf, type EnginePath, type LocalBase } from '../../engine/engine-path.js';
import type { CallMessage } from '../../engine/messages.js';
import type { PathEngine } from '../../engine/path-engine.js';
import type { Allocations } from './allocations.js';
import { reasonOf } from '../../base/errors/reason-of.js';

export interface EngineDriverNeeds {
  readonly engine: PathEngine;
  readonly transport: Transport;
  readonly allocations: Allocations;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly random: RandomSource;
  readonly loops: LoopWatch;
  send(to: PublicKey, message: CallMessage): void;
  onChanged(peer: PublicKey): void;
  onMappingSuspect(): void;
  onPong(peer: PublicKey, path: EnginePath, rttMs: number): void;
}

/** Until the engine is called again after a timeout that failed. */
const FAILED_PAUSE_MS = 1000;

/** Runs a {@link PathEngine} in the world: feeds it events and time, and performs its effects. */
export class EngineDriver {
  readonly checks: ConnectivityChecks;
  /** Checks dropped, by reason. */
  readonly counters = new Counters();
  readonly #subscriptions: Disposable[] = [];
  #timer: { readonly at: number; readonly handle: Disposable } | undefined;
  #running = false;
  #earliestTimeout = -Infinity;
  readonly #stopped = new AbortController();
  /** What is being handled came in on it: an answer goes back that way, also where a relay has no channel for it yet. */
  #receivedOn: TransportPath | undefined;

  constructor(readonly needs: EngineDriverNeeds) {
    this.checks = new ConnectivityChecks((length) => needs.random.bytes(length));
  }

  start(): void {
    this.#running = true;
    const { transport } = this.needs;
    const { datagrams } = transport;
    if (datagrams !== undefined) {
      this.#subscriptions.push(datagrams.onDatagram(({ path, bytes }) => this.#receive(path, bytes)));
    }
    this.#subscriptions.push(
      transport.onAuthenticated(({ publicKey, path }) =>
        this.handle({ type: 'authenticated', peer: publicKey, path: enginePathOf(path) }),
      ),
      transport.onSent(({ publicKey }) => this.handle({ type: 'sent', peer: publicKey })),
      transport.onHandshake(({ publicKey }) => this.handle({ type: 'handshake', peer: publicKey })),
      transport.onEndpointSuggested(({ publicKey, endpoint }) =>
        this.handle({ type: 'candidate-suggested', peer: publicKey, address: endpoint }),
      ),
    );
  }

  stop(): void {
    this.#running = false;
    this.#stopped.abort();
    for (const subscription of this.#subscriptions.splice(0)) subscription[Symbol.dispose]();
    this.needs.loops.stop();
    this.#timer?.handle[Symbol.dispose]();
    this.#timer = undefined;
  }

  handle(event: EngineEvent): void {
    if (!this.#running) return;
    const { engine, guard, clock } = this.needs;
    // Whatever fails, the engine's timer is armed: one event must not stop all peers.
    this.#perform(guard.run(`engine: ${event.type}`, () => engine.handle(event, clock.now())));
    this.#reschedule();
  }

  /** @returns whether it was a check. */
  #receive(path: TransportPath, bytes: Uint8Array): boolean {
    const reading = this.checks.read(path, bytes);
    if (typeof reading === 'object') {
      this.#receivedOn = path;
      const isAnswer = reading.type === 'check-response';
      this.handle(isAnswer ? { ...reading, overheads: this.needs.loops.answered(reading.transactionId) } : reading);
      this.#receivedOn = undefined;
    } else if (reading !== 'not-a-check') this.counters.count(`check-${reading}`);
    return reading !== 'not-a-check';
  }

  #reschedule(): void {
    const at = this.needs.engine.nextTimeout();
    if (this.#timer?.at === at) return;
    this.#timer?.handle[Symbol.dispose]();
    this.#timer = undefined;
    if (at === undefined || !this.#running) return;
    const { clock, engine, guard } = this.needs;
    const handle = clock.setTimeout(
      () => {
        this.#timer = undefined;
        const effects = guard.run('engine: timeout', () => engine.handleTimeout(clock.now()));
        this.#perform(effects);
        // What failed would fail again at once, and for ever.
        this.#earliestTimeout = effects === undefined ? clock.now() + FAILED_PAUSE_MS : -Infinity;
        this.#reschedule();
      },
      // Timers may fire a fraction of a millisecond early, and would then only be set again.
      Math.max(0, Math.ceil(Math.max(at, this.#earliestTimeout) - clock.now())),
    );
    this.#timer = { at, handle };
  }

  #perform(effects: readonly EngineEffect[] = []): void {
    const { guard } = this.needs;
    for (const effect of effects) guard.run(`effect: ${effect.type}`, () => this.#performOne(effect));
  }

  #performOne(effect: EngineEffect): void {
    const { transport } = this.needs;
    switch (effect.type) {
      case 'expect-checks':
        this.checks.expect(effect.peer, effect.ufrag, effect.password);
        break;
      case 'send-check': {
        const path = this.resolve(effect.path);
        if (path === undefined) break;
        const bytes = this.checks.encodeCheck(effect);
        this.needs.loops.sent(
          effect.transactionId,
          { kind: 'check', peer: effect.peer, path: effect.path },
          bytes.length,
        );
        transport.datagrams?.send(path, bytes);
        break;
      }
      case 'answer-check': {
        const path = this.#receivedOn ?? this.resolve(effect.path);
        const answer = path && this.checks.encodeAnswer(effect.peer, effect.transactionId, path);
        if (path !== undefined && answer !== undefined) transport.datagrams?.send(path, answer);
        break;
      }
      case 'send-message':
        this.needs.send(effect.to, effect.message);
        break;
      case 'set-path': {
        const paths = effect.paths.flatMap((path) => this.resolve(path) ?? []);
        transport.setPath(effect.peer, paths);
        break;
      }
      case 'initiate-handshake':
        transport.initiateHandshake(effect.peer, { fresh: effect.fresh });
        break;
      case 'permit':
        void this.#permit(effect.peer, effect.path);
        break;
      case 'open-bases':
        void this.#openBases(effect.peer, effect.family, effect.count);
        break;
      case 'close-bases':
        this.#closeBases(effect.baseIds);
        break;
      case 'release':
        this.needs.allocations.release(effect.path.baseId, effect.path.remote);
        break;
      case 'check-mapping':
        this.needs.onMappingSuspect();
        break;
      case 'pong':
        this.needs.onPong(effect.peer, effect.path, effect.rttMs);
        break;
      case 'changed':
        this.needs.onChanged(effect.peer);
        break;
    }
  }

  async #openBases(peer: PublicKey, family: 4 | 6, count: number): Promise<void> {
    const { datagrams } = this.needs.transport;
    const bases: LocalBase[] = [];
    try {
      for (let i = 0; datagrams !== undefined && i < count && this.#running; i += 1) {
        const { id } = await datagrams.openBase(family, { signal: this.#stopped.signal });
        bases.push({ id, family, kind: 'socket' });
      }
    } catch (error) {
      // The system gives no more sockets: what there is has to do.
      const reason = reasonOf(error);
      this.needs.logger.debug('no more sockets', { opened: bases.length, reason });
    }
    this.handle({ type: 'bases-opened', peer, bases });
  }

  #closeBases(baseIds: readonly string[]): void {
    const { datagrams } = this.needs.transport;
    const ids = new Set(baseIds);
    for (const base of datagrams?.bases.filter(({ id }) => ids.has(id)) ?? []) datagrams?.closeBase(base);
  }

  async #permit(peer: PublicKey, path: EnginePath): Promise<void> {
    let error: string | undefined;
    try {
      await this.needs.allocations.permit(path.baseId, path.remote);
    } catch (cause) {
      error = reasonOf(cause);
    }
    this.handle({ type: 'permitted', peer, path, error });
  }

  /** The engine's path as the transport takes it; undefined when its socket or allocation is gone. */
  resolve({ baseId, remote }: EnginePath): TransportPath | undefined {
    const base = this.needs.transport.datagrams?.bases.find(({ id }) => id === baseId);
    if (base !== undefined) return { kind: 'socket', base, remote };
    const framing = this.needs.allocations.framing(baseId, remote);
    return framing && { kind: 'relayed', framing, remote };
  }
}
