import {
  Listeners,
  type PluginNeeds,
  type PublicKey,
  type Signaling,
  type SignalingState,
} from '@wirepath/core/plugin';
import type { LanNetwork } from './edge/lan-network.js';
import { LanSockets } from './edge/lan-sockets.js';
import { DEFAULT_PORT, GROUP_4 } from './protocol/lan-v1.js';
import { LanSession, type LanEffect, type Moment } from './protocol/lan-session.js';

export type LanSignalingNeeds = Pick<
  PluginNeeds,
  'clock' | 'events' | 'guard' | 'identity' | 'logger' | 'node' | 'peers' | 'random'
>;

export interface LanSignalingOptions {
  /** UDP port of the multicast groups; the same on all nodes. @default 51819 */
  readonly port?: number | undefined;
  /** Interfaces to search on. @default all that lead to a network */
  readonly interfaces?: readonly string[] | undefined;
}

/** After the start: whatever connects by a server, and is under way by then, does not wait for our sockets. */
const OPENING_DELAY_MS = 100;
/** Interfaces are looked at this often, besides when the core says that the network has changed. */
const LOOK_INTERVAL_MS = 5000;

/** {@link Signaling} between the nodes of one network, by multicast. */
export class LanSignaling implements Signaling {
  readonly #needs: LanSignalingNeeds;
  readonly #network: LanNetwork;
  readonly #session: LanSession;
  readonly #messages: Listeners<{ from: PublicKey; sealed: Uint8Array }>;
  readonly #states: Listeners<readonly SignalingState[]>;
  readonly #available: Listeners<{ publicKey: PublicKey }>;
  #life: 'new' | 'starting' | 'running' | 'stopped' = 'new';
  #state: SignalingState;
  #timer: Disposable | undefined;
  #look: Disposable | undefined;
  #following: Disposable | undefined;
  #unlisten: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  /** @param network where it is not the machine's: for tests. */
  constructor(needs: LanSignalingNeeds, options: LanSignalingOptions = {}, network?: LanNetwork) {
    const { port = DEFAULT_PORT, interfaces } = options;
    const { guard, logger, clock, node } = needs;
    this.#needs = needs;
    this.#network =
      network ??
      new LanSockets(
        { guard, logger },
        { port, interfaces, ownInterface: node.interfaceName, ownAddresses: node.addresses },
      );
    this.#session = new LanSession(needs);
    this.#messages = new Listeners(guard, 'messages');
    this.#states = new Listeners(guard, 'states');
    this.#available = new Listeners(guard, 'available');
    this.#state = { url: `multicast://${GROUP_4}:${port}`, state: 'down', sinceMs: clock.unixMs() };
  }

  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    if (this.#life !== 'new' || signal.aborted) return;
    this.#life = 'starting';
    const stop = () => void this.stop();
    signal.addEventListener('abort', stop, { once: true });
    this.#unlisten = () => signal.removeEventListener('abort', stop);
    const open = () => void this.#open().catch((error: unknown) => this.#needs.guard.failed('start', error));
    this.#look = this.#needs.clock.setTimeout(open, OPENING_DELAY_MS);
  }

  async #open(): Promise<void> {
    await this.#network.start({
      beacon: (bytes, from) => this.#step((session, at) => session.beaconReceived(bytes, from, at)),
      frame: (bytes, from) => this.#step((session, at) => session.frameReceived(bytes, from, at)),
    });
    if (!this.#isStarting()) return;
    this.#life = 'running';
    this.#following = this.#needs.events.on(({ before, connection }) => {
      if (before === undefined || connection === undefined) this.#tellPeers();
    });
    this.#tellPeers();
    this.#step((session, at) => session.start(at));
    this.#tellLinks();
    this.#lookLater();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#life = 'stopped';
    this.#unlisten?.();
    this.#following?.[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    this.#look?.[Symbol.dispose]();
    this.#become('down');
    await this.#network.stop();
  }

  publish(to: PublicKey, sealed: Uint8Array): void {
    if (this.#life !== 'running') return;
    this.#step((session, at) => {
      // The core may call a peer before it has told of it.
      if (!session.has(to)) this.#tellPeers();
      return session.publish(to, sealed, at);
    });
  }

  /** The network may have changed. */
  nudge(): void {
    if (this.#life === 'running') void this.#refresh();
  }

  states(): readonly SignalingState[] {
    return [this.#state];
  }

  /** Datagrams and messages dropped since the start, by reason. */
  counters(): Readonly<Record<string, number>> {
    return this.#session.dropped.snapshot();
  }

  onMessage(listener: (message: { from: PublicKey; sealed: Uint8Array }) => void): Disposable {
    return this.#messages.add(listener);
  }

  onStateChange(listener: (states: readonly SignalingState[]) => void): Disposable {
    return this.#states.add(listener);
  }

  onAvailable(listener: (event: { publicKey: PublicKey }) => void): Disposable {
    return this.#available.add(listener);
  }

  #isStarting(): boolean {
    return this.#life === 'starting';
  }

  #moment(): Moment {
    const { clock } = this.#needs;
    return { now: clock.now(), unixMs: clock.unixMs() };
  }

  #tellPeers(): void {
    const keys = this.#needs.peers.list().map(({ publicKey }) => publicKey);
    this.#session.setPeers(keys, this.#moment());
    this.#arm();
  }

  #lookLater(): void {
    this.#look = this.#needs.clock.setTimeout(() => {
      this.#lookLater();
      void this.#refresh();
    }, LOOK_INTERVAL_MS);
  }

  async #refresh(): Promise<void> {
    const before = this.#network.problem();
    const hasChanged = await this.#network.refresh();
    if (this.#life === 'running' && (hasChanged || before !== this.#network.problem())) this.#tellLinks();
  }

  #tellLinks(): void {
    const links = this.#network.links();
    this.#session.linksChanged(links, this.#moment());
    this.#become(links.length > 0 ? 'up' : 'down', this.#network.problem());
    this.#arm();
  }

  #become(state: 'up' | 'down', error?: string): void {
    const { state: before, sinceMs, url, error: told } = this.#state;
    if (state === before && told === error) return;
    const since = state === before ? sinceMs : this.#needs.clock.unixMs();
    this.#state = { url, state, sinceMs: since, ...(error !== undefined && state === 'down' && { error }) };
    this.#states.tell(this.states());
  }

  #step(event: (session: LanSession, at: Moment) => readonly LanEffect[]): void {
    if (this.#life !== 'running') return;
    const { guard } = this.#needs;
    // Whatever fails, the timer is armed: it is what searches again.
    for (const effect of guard.run('session', () => event(this.#session, this.#moment())) ?? [])
      guard.run(effect.kind, () => this.#perform(effect));
    this.#arm();
  }

  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#life !== 'running') return;
    const at = this.#moment();
    const timeout = this.#session.nextTimeout(at);
    if (timeout === Infinity) return;
    // Rounded up: a timer that fires a fraction early would spin.
    const delayMs = Math.max(0, Math.ceil(timeout - at.now));
    this.#timer = this.#needs.clock.setTimeout(
      () => this.#step((session, moment) => session.handleTimeout(moment)),
      delayMs,
    );
  }

  #perform(effect: LanEffect): void {
    switch (effect.kind) {
      case 'multicast':
        return this.#network.multicast(effect.bytes);
      case 'send':
        return this.#network.send(effect.to, effect.bytes);
      case 'message':
        return this.#messages.tell({ from: effect.from, sealed: effect.sealed });
      case 'available':
        return this.#available.tell({ publicKey: effect.publicKey });
    }
  }
}
