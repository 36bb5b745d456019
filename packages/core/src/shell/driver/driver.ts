import type { Base } from '../../contracts/candidate-base.js';
import type { NatBehavior } from '../../contracts/nat-behavior.js';
import type { TransportPath } from '../../contracts/path.js';
import type { EngineEffect } from '../../engine/effects.js';
import type { EngineEvent } from '../../engine/events.js';
import { enginePathOf, type EnginePath, type LocalBase } from '../../engine/engine-path.js';
import type { EngineSettings } from '../../engine/world.js';
import { PathEngine, type PathEngineOptions } from '../../engine/path-engine.js';
import { Allocations } from './allocations.js';
import { BindingLifetime } from './binding-lifetime.js';
import { DescriptionHistory } from './description.js';
import type { DriverEffect } from './effects.js';
import type { DriverEvent, RunEvent } from './events.js';
import { LocalCandidates } from './local-candidates.js';
import { Permissions } from './permissions.js';
import { RefreshSchedule } from './refresh-schedule.js';
import type { RelayFailure, RelayServerOf, SeenAllocation } from './relays.js';

export interface DriverOptions extends PathEngineOptions {
  /** Between two looks at every mapping. */
  readonly refreshIntervalMs: number;
}

/** Bases that stand for the sockets of a device that are not ours: candidates belong to them, and nothing can be sent from them. */
const DEVICE_BASES: readonly LocalBase[] = [
  { id: 'device4', family: 4, kind: 'socket' },
  { id: 'device6', family: 6, kind: 'socket' },
];

/**
 * All that a node decides around its {@link PathEngine}, as pure as that: `(event, now) -> effects`, and `nextTimeout` says
 * when to call {@link handleTimeout}. The node and the simulator run the same one, between adapters of their own. Its parts:
 *
 * - {@link LocalCandidates}, {@link DescriptionHistory}: what sources and allocations gave, and what of it peers are told
 *   when; what is gone begins a new generation.
 * - {@link Allocations}: on which relay servers, and when these are probed or tried again. {@link Permissions}: whom they let in.
 * - {@link RefreshSchedule}: when mappings are looked at again. {@link BindingLifetime}: when it is to be learnt.
 * - The engine: it hears of all that, and its paths become the transport's.
 */
export class Driver {
  readonly engine: PathEngine;
  readonly candidates = new LocalCandidates((family) => this.#sharedBases().find((base) => base.family === family)?.id);
  readonly allocations = new Allocations();
  readonly #permissions = new Permissions();
  readonly #history = new DescriptionHistory();
  readonly #refreshes: RefreshSchedule;
  readonly #lifetime = new BindingLifetime();
  /** Undefined: the transport owns none. */
  #bases: Map<string, Base> | undefined;
  #foundBehavior: NatBehavior | undefined;
  #isRunning = false;
  #describeAt = Infinity;
  #effects: DriverEffect[] = [];

  constructor({ refreshIntervalMs, ...options }: DriverOptions) {
    this.engine = new PathEngine(options);
    this.#refreshes = new RefreshSchedule(refreshIntervalMs);
  }

  /** What can change while it runs. */
  configure(settings: EngineSettings & Pick<DriverOptions, 'refreshIntervalMs'>): void {
    this.#refreshes.intervalMs = settings.refreshIntervalMs;
    this.engine.configure(settings);
  }

  get natBehavior(): NatBehavior {
    const { ms } = this.#lifetime;
    if (this.#foundBehavior === undefined) return { mapping: null, filtering: null };
    return ms === undefined ? this.#foundBehavior : { ...this.#foundBehavior, bindingLifetimeMs: ms };
  }

  handle(event: DriverEvent, now: number): DriverEffect[] {
    switch (event.type) {
      case 'started':
        this.#isRunning = true;
        this.#refreshes.arm(now);
        break;
      case 'stopped':
        this.#isRunning = false;
        this.#lifetime.stop();
        break;
      case 'sockets':
        this.#bases = event.bases && new Map(event.bases.map((base) => [base.id, base]));
        break;
      case 'candidate':
        this.candidates.add(event.source, event.candidate);
        this.#describeAt = now;
        break;
      case 'gathered':
        this.candidates.set(event.source, event.candidates);
        this.#describeAt = now;
        break;
      case 'nat-behavior':
        this.#foundBehavior = event.natBehavior;
        break;
      case 'binding-lifetime':
        this.#lifetime.ms = event.ms;
        this.#describeAt = now;
        break;
      case 'relay-servers':
        this.#setRelayServers(event.servers, now);
        break;
      case 'allocated':
        if (this.allocations.made(event.on.server, event.allocation, event.atMs, now)) this.#allocationsChanged(now);
        else this.#want({ type: 'close-allocation', allocationId: event.allocation.id });
        break;
      case 'allocation-failed':
        this.#allocationFailed(event.on, event.failure, now);
        this.#tendRelays(now);
        break;
      case 'relay-probed':
        this.allocations.probed(event.on.server, event.rttMs, now);
        this.#tendRelays(now);
        break;
      case 'relay-probe-failed':
        this.#relayDown(event.on, event.failure, this.allocations.probeFailed(event.on.server, event.failure, now));
        this.#tendRelays(now);
        break;
      case 'allocation-lost':
        this.#allocationLost(event.allocationId, event.failure, now);
        break;
      default:
        if (this.#isRunning) this.#handleRunning(event, now);
    }
    return this.#takeEffects();
  }

  /** When {@link handleTimeout} is due, in the time of `now`; undefined: never. */
  nextTimeout(): number | undefined {
    const ofRun = () =>
      Math.min(this.#describeAt, this.#refreshes.nextTimeout(), this.engine.nextTimeout() ?? Infinity);
    const next = Math.min(this.allocations.nextTimeout(), this.#isRunning ? ofRun() : Infinity);
    return next === Infinity ? undefined : next;
  }

  handleTimeout(now: number): DriverEffect[] {
    if (this.allocations.nextTimeout() <= now) this.#tendRelays(now);
    if (!this.#isRunning) return this.#takeEffects();
    if (this.#describeAt <= now) this.#describe(now);
    if (this.#refreshes.takeDue(now)) this.#want({ type: 'refresh' });
    this.#perform(this.engine.handleTimeout(now), now);
    return this.#takeEffects();
  }

  #handleRunning(event: RunEvent, now: number): void {
    switch (event.type) {
      case 'gathering-ended':
        if (this.#lifetime.isAnother(this.candidates.reflexive())) this.#want({ type: 'learn-binding-lifetime' });
        break;
      case 'network-changed':
        this.#want({ type: 'nudge-signaling' }, { type: 'gather' });
        this.#suspectRelays(now);
        break;
      case 'slept':
        this.#want({ type: 'nudge-signaling' });
        this.#suspectRelays(now);
        this.#history.forget();
        this.#describe(now);
        this.#want({ type: 'refresh' });
        break;
      case 'servers-moved':
        this.#want({ type: 'nudge-signaling' });
        this.allocations.hurry(now);
        this.#tendRelays(now);
        // One that stands may be on a server that is there no more.
        this.#want({ type: 'renew-allocations' }, { type: 'gather' });
        break;
      case 'mapping-changed':
      case 'gather':
        this.#want({ type: 'gather' });
        break;
      case 'refreshed':
        this.#refreshes.arm(now);
        break;
      case 'check':
        this.#drive({ ...event, path: enginePathOf(event.path) }, now, event.path);
        break;
      case 'check-response':
        this.#drive({ ...event, path: enginePathOf(event.path) }, now);
        break;
      case 'bases-opened':
        for (const base of event.bases) this.#bases?.set(base.id, base);
        this.#drive({ ...event, bases: event.bases.map(localBase) }, now);
        break;
      case 'permission': {
        const { peer, path, granted } = event;
        const error = 'error' in granted ? granted.error : undefined;
        if (!('error' in granted) && !this.#permissions.grant(path, granted)) this.#want({ type: 'release', path });
        this.#drive({ type: 'permitted', peer, path, error }, now);
        break;
      }
      case 'peer-removed':
        this.#drive(event, now);
        this.#want({ type: 'forget-checks', peer: event.peer });
        break;
      default:
        this.#drive(event, now);
    }
  }

  // --- The engine ---

  /** @param cameOn what is being handled came in on it: an answer goes back that way, also where a relay has no channel for it yet. */
  #drive(event: EngineEvent, now: number, cameOn?: TransportPath): void {
    this.#perform(this.engine.handle(event, now), now, cameOn);
  }

  #perform(effects: readonly EngineEffect[], now: number, cameOn?: TransportPath): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send-check':
        case 'answer-check': {
          const path = (effect.type === 'answer-check' ? cameOn : undefined) ?? this.#resolve(effect.path);
          if (path !== undefined) this.#want({ ...effect, path });
          break;
        }
        case 'set-path':
          this.#want({ ...effect, paths: effect.paths.flatMap((path) => this.#resolve(path) ?? []) });
          break;
        case 'permit':
          if (this.allocations.has(effect.path.baseId)) this.#permissions.want(effect.path);
          this.#want(effect);
          break;
        case 'release':
          this.#permissions.release(effect.path);
          this.#want(effect);
          break;
        case 'close-bases':
          this.#closeBases(effect.baseIds);
          break;
        case 'check-mapping':
          if (!this.#refreshes.suspect(now)) break;
          this.#want({ type: 'refresh' });
          this.#suspectRelays(now);
          break;
        default:
          this.#want(effect);
      }
    }
  }

  #closeBases(baseIds: readonly string[]): void {
    const bases = baseIds.flatMap((id) => this.#bases?.get(id) ?? []);
    for (const { id } of bases) this.#bases?.delete(id);
    this.#want({ type: 'close-bases', bases });
  }

  /** The engine's path as the transport takes it; undefined when its socket or allocation is gone. */
  #resolve(path: EnginePath): TransportPath | undefined {
    const { baseId, remote } = path;
    const base = this.#bases?.get(baseId) ?? this.candidates.ownBases().find(({ id }) => id === baseId);
    if (base !== undefined) return { kind: 'socket', base, remote };
    const framing = this.#permissions.framing(path);
    return framing && { kind: 'relayed', framing, remote };
  }

  // --- Relays ---

  #setRelayServers(servers: readonly RelayServerOf[], now: number): void {
    this.#closeAllocations(this.allocations.setServers(servers));
    this.#allocationsChanged(now);
  }

  #closeAllocations(allocations: readonly SeenAllocation[]): void {
    for (const { id } of allocations) {
      this.#permissions.forget(id);
      this.#want({ type: 'close-allocation', allocationId: id });
    }
  }

  /** Servers may be gone, or be reached otherwise than before. */
  #suspectRelays(now: number): void {
    this.allocations.suspect(now);
    this.#tendRelays(now);
  }

  /** Allocates, probes and gives up what is due. */
  #tendRelays(now: number): void {
    const wants = this.allocations.takeDue(now, (id, sinceMs) => this.engine.isInUse(id, sinceMs));
    for (const on of wants.allocate) this.#want({ type: 'allocate', on });
    for (const on of wants.probe) this.#want({ type: 'probe-relay', on });
    this.#closeAllocations(wants.close);
    if (!wants.hasChanged) return;
    this.#takeAllocations();
    this.#describeAt = now;
  }

  #allocationLost(allocationId: string, failure: RelayFailure, now: number): void {
    const on = this.allocations.lost(allocationId);
    this.#permissions.forget(allocationId);
    if (on === undefined) return;
    this.#allocationFailed(on, failure, now);
    this.#allocationsChanged(now);
  }

  #allocationFailed(on: RelayServerOf, failure: RelayFailure, now: number): void {
    this.#relayDown(on, failure, this.allocations.failed(on.server, failure, now));
  }

  #relayDown(on: RelayServerOf, failure: RelayFailure, retryInMs: number | undefined): void {
    if (retryInMs !== undefined) this.#want({ type: 'relay-down', on, reason: failure.reason, retryInMs });
  }

  #allocationsChanged(now: number): void {
    this.#tendRelays(now);
    this.#takeAllocations();
    this.#describeAt = now;
  }

  #takeAllocations(): void {
    for (const [plugin, found] of this.allocations.candidates()) this.candidates.set(plugin, found);
  }

  // --- What peers are told ---

  /** What is found within one turn of the event loop goes into one description: it is due as soon as there is time for it. */
  #describe(now: number): void {
    this.#describeAt = Infinity;
    this.#takeAllocations();
    const sockets =
      this.#bases === undefined ? DEVICE_BASES : [...this.#sharedBases(), ...this.candidates.ownBases()].map(localBase);
    const bases = [...sockets, ...this.allocations.bases()];
    const description = { bases, candidates: this.candidates.signalled(), natBehavior: this.natBehavior };
    const news = this.#history.next(description);
    if (news !== undefined) this.#drive({ type: 'local-description', description, ...news }, now);
  }

  #sharedBases(): Base[] {
    return [...(this.#bases?.values() ?? [])].filter(({ shared }) => shared);
  }

  #want(...effects: readonly DriverEffect[]): void {
    this.#effects.push(...effects);
  }

  #takeEffects(): DriverEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}

function localBase({ id, family }: Base): LocalBase {
  return { id, family, kind: 'socket' };
}
