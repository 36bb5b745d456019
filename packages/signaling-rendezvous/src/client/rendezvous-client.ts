import {
  Listeners,
  type PluginNeeds,
  type ProxyChoice,
  type PublicKey,
  type Signaling,
  type SignalingState,
} from '@wirepath/core/plugin';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { canonicalUrl, serverOf } from '../protocol/rendezvous-url.js';
import { DialledSocket, type DialledSocketEvents } from './dialled-socket.js';
import { RendezvousLink, type RendezvousLinkOptions } from './rendezvous-link.js';
import { Undelivered } from './undelivered.js';

export type RendezvousClientNeeds = Pick<PluginNeeds, 'clock' | 'files' | 'guard' | 'logger' | 'random'> & {
  readonly outside: Pick<PluginNeeds['outside'], 'connect'>;
  readonly identity: Pick<PluginNeeds['identity'], 'publicKey' | 'agree'>;
};

export interface RendezvousClientOptions {
  /** `ws://` or `wss://`; a connection is kept to each, and messages go out on all. */
  readonly urls: readonly string[];
  /** PEM file of the authorities that may sign the server's certificate, in the place of the system's. */
  readonly caFile?: string | undefined;
  /** HTTP proxy. @default that of the environment */
  readonly proxy?: ProxyChoice;
}

/** The plugin's options, as its schema gives them. */
interface ClientOptions {
  readonly url?: string | undefined;
  readonly urls?: readonly string[] | undefined;
  readonly caFile?: string | undefined;
  readonly proxy?: ProxyChoice;
}

/** {@link Signaling} through rendezvous servers, any of which may be down. */
export class RendezvousClient implements Signaling {
  readonly #needs: RendezvousClientNeeds;
  #caFile: string | undefined;
  #proxy: ProxyChoice;
  /** By canonical URL. */
  #links: ReadonlyMap<string, RendezvousLink>;
  #started = false;
  readonly #undelivered = new Undelivered();
  readonly #messages: Listeners<{ from: PublicKey; sealed: Uint8Array }>;
  readonly #states: Listeners<readonly SignalingState[]>;
  readonly #undeliverable: Listeners<{ to: PublicKey }>;
  readonly #available: Listeners<{ publicKey: PublicKey }>;
  #stopped = false;
  /** Takes our listener off the signal that `start` was given. */
  #unlisten: (() => void) | undefined;

  /** @throws {RangeError} when a URL is none. */
  constructor(needs: RendezvousClientNeeds, options: RendezvousClientOptions) {
    this.#needs = needs;
    this.#messages = new Listeners(needs.guard, 'messages');
    this.#states = new Listeners(needs.guard, 'states');
    this.#undeliverable = new Listeners(needs.guard, 'undeliverable');
    this.#available = new Listeners(needs.guard, 'available');
    this.#caFile = options.caFile;
    this.#proxy = options.proxy;
    this.#links = this.#linksTo(options.urls, new Map());
  }

  /** Servers that stay are not disturbed; another authority or proxy counts from the next connection on. */
  reload(options: unknown): undefined {
    const { url, urls = [], caFile, proxy } = options as ClientOptions;
    const before = this.#links;
    this.#caFile = caFile;
    this.#proxy = proxy;
    this.#links = this.#linksTo(url === undefined ? urls : [url, ...urls], before);
    if (this.#stopped || !this.#started) return;
    for (const [canonical, link] of before)
      if (!this.#links.has(canonical))
        link.stop().catch((error: unknown) => this.#needs.logger.debug('rendezvous', { error }));
    for (const [canonical, link] of this.#links) if (!before.has(canonical)) link.start();
    this.#states.tell(this.states());
  }

  #linksTo(urls: readonly string[], before: ReadonlyMap<string, RendezvousLink>): ReadonlyMap<string, RendezvousLink> {
    return new Map(
      urls.map((url) => {
        const canonical = canonicalUrl(url);
        if (canonical === undefined) throw new RangeError('not a ws:// or wss:// URL without credentials');
        return [canonical, before.get(canonical) ?? this.#createLink(canonical, url)];
      }),
    );
  }

  /** Starts dialling: nothing has to wait for a server. */
  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    if (signal.aborted || this.#stopped) return;
    const stop = () => void this.stop();
    signal.addEventListener('abort', stop, { once: true });
    this.#unlisten = () => signal.removeEventListener('abort', stop);
    this.#started = true;
    for (const link of this.#links.values()) link.start();
    // A turn of the event loop, after what is left of this one: the first requests are on their way before the caller
    // goes on to what keeps it busy.
    await setImmediate();
    await setImmediate();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unlisten?.();
    await Promise.all([...this.#links.values()].map((link) => link.stop()));
  }

  publish(to: PublicKey, sealed: Uint8Array): void {
    if (this.#stopped) return;
    this.#undelivered.published(to);
    for (const link of this.#links.values()) link.publish(to, sealed);
  }

  /** The network changed: dials at once where the connection is down, and makes sure of it where it is up. */
  nudge(): void {
    for (const link of this.#links.values()) link.nudge();
  }

  states(): readonly SignalingState[] {
    return [...this.#links.values()].map((link) => link.state);
  }

  /** Frames and messages dropped since the start, by reason. */
  counters(): Readonly<Record<string, number>> {
    const total = new Map<string, number>();
    for (const link of this.#links.values()) {
      for (const [reason, count] of Object.entries(link.dropped)) total.set(reason, (total.get(reason) ?? 0) + count);
    }
    return Object.fromEntries(total);
  }

  onMessage(listener: (message: { from: PublicKey; sealed: Uint8Array }) => void): Disposable {
    return this.#messages.add(listener);
  }

  onStateChange(listener: (states: readonly SignalingState[]) => void): Disposable {
    return this.#states.add(listener);
  }

  onUndeliverable(listener: (event: { to: PublicKey }) => void): Disposable {
    return this.#undeliverable.add(listener);
  }

  /** A peer for whom a message was undeliverable in the last minute has registered: publishing to it works now. */
  onAvailable(listener: (event: { publicKey: PublicKey }) => void): Disposable {
    return this.#available.add(listener);
  }

  #createLink(canonical: string, url: string): RendezvousLink {
    const { clock, guard, identity, random } = this.#needs;
    const onEffect: RendezvousLinkOptions['onEffect'] = (effect) => {
      switch (effect.kind) {
        case 'message':
          return this.#messages.tell({ from: effect.from, sealed: effect.sealed });
        case 'undeliverable': {
          const up = this.states().filter(({ state }) => state === 'up');
          const upUrls = up.map((state) => state.url);
          if (this.#undelivered.denied(effect.to, url, upUrls)) this.#undeliverable.tell({ to: effect.to });
          return;
        }
        case 'available':
          return this.#available.tell({ publicKey: effect.publicKey });
        case 'state':
          this.#log(url, effect.state, effect.error);
          return this.#states.tell(this.states());
      }
    };
    const openSocket: RendezvousLinkOptions['openSocket'] = (to, events, signal) =>
      this.#openSocket(to, events, signal);
    return new RendezvousLink({ url, canonicalUrl: canonical, identity, clock, guard, random, openSocket, onEffect });
  }

  async #openSocket(url: string, events: DialledSocketEvents, signal: AbortSignal): Promise<DialledSocket> {
    // Beside the connecting, which takes longer.
    const connecting = this.#needs.outside.connect(serverOf(url), { signal, proxy: this.#proxy });
    // Where it fails, whoever waits for it below is told.
    connecting.catch(() => undefined);
    try {
      return await this.#dial(connecting, url, events);
    } catch (error) {
      // What connects in vain is nobody's.
      void connecting.then((socket) => socket.destroy()).catch(() => undefined);
      throw error;
    }
  }

  async #dial(connecting: Promise<Socket>, url: string, events: DialledSocketEvents): Promise<DialledSocket> {
    // Read anew for each connection, so that a renewed file needs no restart.
    const ca = this.#caFile !== undefined && url.startsWith('wss:') ? await this.#readCa(this.#caFile) : undefined;
    // Imported late: a node without signalling does not pay for it.
    const { WebSocket } = await import('ws');
    return new DialledSocket(WebSocket, url, { socket: await connecting, ca }, events);
  }

  async #readCa(caFile: string): Promise<string> {
    return readFile(this.#needs.files.resolve(caFile), 'utf8');
  }

  #log(url: string, state: SignalingState['state'], error: string | undefined): void {
    const { logger } = this.#needs;
    if (error !== undefined) logger.warn('rendezvous not reachable', { url, error });
    else if (state === 'up') logger.info('rendezvous up', { url });
    else logger.debug('rendezvous', { url, state });
  }
}
