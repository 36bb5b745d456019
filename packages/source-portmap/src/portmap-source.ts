import {
  Counters,
  formatAddress,
  scopeOf,
  sleep,
  transportAddress,
  type CandidateSource,
  type Egress,
  type GatherContext,
  type GatheredCandidate,
  type PhysicalEgress,
} from '@wirepath/core/plugin';
import type { ListenToAnnouncements } from './edge/announcements.js';
import type { Standpoint } from './edge/gateway-link.js';
import { PORTMAP_DROP_REASONS } from './edge/run-inquiry.js';
import { GatewayClient, type GatewayClientNeeds } from './gateway-client.js';
import { renewAt } from './lease.js';
import { PROTOCOL_NAMES } from './protocol/inquiry.js';
import { doubleNat } from './sentences.js';

export interface PortmapSourceNeeds extends Omit<GatewayClientNeeds, 'drops'> {
  readonly egress: Pick<Egress, 'detect' | 'watch'>;
  /** Left out: they are not listened for. */
  readonly listenToAnnouncements?: ListenToAnnouncements;
}

const FAMILIES = [4, 6] as const;
/** Announcements, and whatever else hints at a change, are looked at at most this often. */
const LOOK_SPACING_MS = 1000;

/**
 * Candidates that the default gateway forwards to WireGuard's own port because it was asked to (PCP, NAT-PMP, UPnP IGD). While
 * it is watched it renews them by itself; the core's looks at all mappings ask the gateway, too.
 */
export class PortmapSource implements CandidateSource {
  readonly #needs: PortmapSourceNeeds;
  readonly #drops = new Counters(PORTMAP_DROP_REASONS);
  readonly #clients: Readonly<Record<4 | 6, GatewayClient>>;
  readonly #watchers = new Set<() => void>();
  #context: GatherContext | undefined;
  #standpoints: readonly Standpoint[] = [];
  /** As last looked at; undefined before. */
  #ways: string | undefined;
  #watching: AbortController | undefined;
  #egressWatch: Disposable | undefined;
  #announcements: { readonly key: string; readonly handle: Disposable } | undefined;
  #timer: Disposable | undefined;
  #lookedAtMs = -Infinity;

  constructor(needs: PortmapSourceNeeds) {
    this.#needs = needs;
    const client = () => new GatewayClient({ ...needs, drops: this.#drops });
    this.#clients = { 4: client(), 6: client() };
  }

  async *gather(context: GatherContext): AsyncIterable<GatheredCandidate> {
    const { signal } = context;
    if (signal.aborted) return;
    this.#context = context;
    const standpoints = await this.#detect(context);
    if (signal.aborted) return;
    this.#standpoints = standpoints;
    const pending = new Map(standpoints.map((at) => [at, this.#ensure(at, context).then(() => at)]));
    // One that fails is thrown below, unless it is not waited for any more.
    for (const asking of pending.values()) asking.catch(() => undefined);
    while (pending.size > 0 && !signal.aborted) {
      const at = await Promise.race(pending.values());
      pending.delete(at);
      const candidate = signal.aborted ? undefined : this.#candidate(at, context);
      if (candidate !== undefined) yield candidate;
    }
    this.#schedule();
  }

  /** Asks the gateways for their mappings again, which makes those anew that they have forgotten. */
  async refresh(context: GatherContext): Promise<boolean> {
    this.#context = context;
    const before = this.#fingerprint();
    const standpoints = await this.#detect(context);
    if (context.signal.aborted) return false;
    this.#standpoints = standpoints;
    const nowMs = this.#needs.clock.now();
    const due = standpoints.filter(({ family }) => {
      const client = this.#clients[family];
      return client.lease !== undefined || client.retryAt <= nowMs;
    });
    await Promise.all(due.map((at) => this.#ensure(at, context)));
    this.#schedule();
    return !context.signal.aborted && this.#fingerprint() !== before;
  }

  /** Renews mappings at half their life, and calls back when they, or the gateway, have become others. */
  watch(onChange: () => void): Disposable {
    const watcher = () => onChange();
    this.#watchers.add(watcher);
    if (this.#watchers.size === 1) {
      this.#watching = new AbortController();
      const look = this.#needs.guard.wrap('a look at the egress', () => this.#lookAtEgress());
      this.#egressWatch = this.#needs.egress.watch(look);
      if (this.#ways === undefined) look();
      this.#schedule();
    }
    return {
      [Symbol.dispose]: () => {
        if (this.#watchers.delete(watcher) && this.#watchers.size === 0) this.#stopWatching();
      },
    };
  }

  problems(): readonly string[] {
    const reflexive = this.#context?.reflexive?.() ?? [];
    return FAMILIES.flatMap((family) => {
      const { lease, problem } = this.#clients[family];
      return [problem, lease && doubleNat(lease, reflexive)].filter((line) => line !== undefined);
    });
  }

  counters(): Readonly<Record<string, number>> {
    return this.#drops.snapshot();
  }

  /** Takes the mappings back. */
  async stop(): Promise<void> {
    const datagrams = this.#context?.datagrams;
    await Promise.all(FAMILIES.map((family) => this.#clients[family].unmap(datagrams)));
  }

  /** The best way out of each family that has a gateway, and an address of ours that it may have to forward to. */
  async #detect({ signal, datagrams, listenPort }: GatherContext): Promise<readonly Standpoint[]> {
    const found = await this.#needs.egress.detect({ signal });
    if (!signal.aborted) this.#ways = waysText(found);
    const portOf = (family: 4 | 6) =>
      datagrams === undefined
        ? listenPort
        : datagrams.bases.find((base) => base.shared && base.family === family)?.port;
    const standpoints = FAMILIES.flatMap((family) => {
      const way = wayToGateway(found, family);
      const internalPort = portOf(family);
      if (way?.gateway === undefined || internalPort === undefined) return [];
      const { interfaceName, ip: clientIp, gateway: gatewayIp } = way;
      return [{ family, interfaceName, clientIp, gatewayIp, internalPort }];
    });
    for (const family of FAMILIES)
      if (!signal.aborted && !standpoints.some((at) => at.family === family)) this.#clients[family].leave();
    return standpoints;
  }

  async #ensure(at: Standpoint, { datagrams, signal }: GatherContext): Promise<void> {
    await this.#clients[at.family].ensure(at, datagrams, signal);
  }

  #candidate(at: Standpoint, { datagrams }: GatherContext): GatheredCandidate | undefined {
    const mapping = this.#clients[at.family].lease?.mapping;
    if (mapping === undefined) return undefined;
    const base = datagrams?.bases.find((one) => one.shared && one.family === at.family);
    return {
      type: 'server-reflexive',
      address: mapping.external,
      ...(base && { base }),
      server: at.gatewayIp,
      forwardedBy: `${PROTOCOL_NAMES[mapping.protocol]} at ${at.gatewayIp}`,
      relatedAddress: transportAddress(at.clientIp, at.internalPort),
    };
  }

  // --- While it is watched ---

  #stopWatching(): void {
    this.#watching?.abort();
    this.#watching = undefined;
    for (const part of [this.#egressWatch, this.#timer, this.#announcements?.handle]) part?.[Symbol.dispose]();
    this.#egressWatch = undefined;
    this.#timer = undefined;
    this.#announcements = undefined;
  }

  /** Another gateway, or another address of ours there. Of the first look nobody is told. */
  async #lookAtEgress(): Promise<void> {
    const watching = this.#watching;
    if (watching === undefined) return;
    const ways = waysText(await this.#needs.egress.detect({ signal: watching.signal }));
    if (watching.signal.aborted) return;
    const before = this.#ways;
    this.#ways = ways;
    if (before !== undefined && before !== ways) this.#tellAll();
  }

  /** The next look: at half of the life of the mapping that is to be renewed first. */
  #schedule(): void {
    const { clock, guard } = this.#needs;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#watching === undefined) return;
    this.#listen();
    const times = FAMILIES.flatMap((family) => {
      const { lease } = this.#clients[family];
      return lease === undefined ? [] : [renewAt(lease)];
    });
    if (times.length === 0) return;
    const dueMs = Math.max(Math.min(...times), this.#lookedAtMs + LOOK_SPACING_MS);
    this.#timer = clock.setTimeout(
      guard.wrap('renewal', () => this.#look()),
      dueMs - clock.now(),
    );
  }

  async #look(): Promise<void> {
    const [watching, context] = [this.#watching, this.#context];
    if (watching === undefined || context === undefined) return;
    this.#lookedAtMs = this.#needs.clock.now();
    if (await this.refresh({ ...context, signal: watching.signal })) this.#tellAll();
  }

  #listen(): void {
    const at = this.#standpoints.find(({ family }) => family === 4);
    const key = at === undefined ? '' : `${at.clientIp} ${at.gatewayIp}`;
    if (key === (this.#announcements?.key ?? '')) return;
    this.#announcements?.handle[Symbol.dispose]();
    const heard = this.#needs.guard.wrap('an announcement', () => this.#heard());
    const handle = at && this.#needs.listenToAnnouncements?.(at, this.#needs, heard);
    this.#announcements = handle && { key, handle };
  }

  /** The gateway says that it was started anew: it is asked, not believed. */
  async #heard(): Promise<void> {
    const { clock } = this.#needs;
    const watching = this.#watching;
    if (watching === undefined || clock.now() - this.#lookedAtMs < LOOK_SPACING_MS) return;
    this.#lookedAtMs = clock.now();
    // Nobody's mapping is fresh any more, and the gateway may have to come up first.
    await sleep(clock, LOOK_SPACING_MS, watching.signal);
    if (!watching.signal.aborted) await this.#look();
  }

  #tellAll(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #fingerprint(): string {
    return FAMILIES.map((family) => this.#clients[family].external)
      .map((external) => (external === undefined ? '' : formatAddress(external)))
      .join(' ');
  }
}

function wayToGateway(ways: readonly PhysicalEgress[], family: 4 | 6): PhysicalEgress | undefined {
  return ways.find((one) => one.family === family && one.gateway !== undefined && mayBeForwardedTo(one));
}

function waysText(ways: readonly PhysicalEgress[]): string {
  const texts = FAMILIES.map((family) => wayToGateway(ways, family)).map((way) => `${way?.ip} ${way?.gateway}`);
  return texts.join(' ');
}

/** Over IPv4 an address of the internet needs nobody to forward; over IPv6 it is what firewalls open a way to. */
function mayBeForwardedTo({ family, ip }: PhysicalEgress): boolean {
  const scope = scopeOf(transportAddress(ip, 0));
  return family === 4 ? scope === 'private' || scope === 'link-local' : scope === 'global';
}
