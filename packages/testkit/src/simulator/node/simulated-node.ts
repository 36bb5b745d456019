import {
  Driver,
  DriverLoop,
  LoopWatch,
  TransportPort,
  type Clock,
  type ConnectionType,
  type DriverEffect,
  type DriverEvent,
  type NatBehavior,
  type PublicKey,
  type RelayServer,
  type TransportAddress,
  formatAddress,
} from '@wirepath/core';
import { MemoryTransport } from '../../fakes/memory-transport.js';
import type { VirtualDatagrams } from '../../network/virtual-datagrams.js';
import type { VirtualHost } from '../../network/virtual-host.js';
import { SeededRandom } from '../../random.js';
import { SimulatedChecks } from './simulated-checks.js';
import { SimulatedAllocations } from './simulated-allocations.js';
import type { SimulatedSignaling } from './simulated-signaling.js';
import { SimulatedSources } from './simulated-sources.js';

export interface SimulatedNodeNeeds {
  readonly publicKey: PublicKey;
  readonly host: VirtualHost;
  readonly clock: Clock;
  readonly signaling: SimulatedSignaling;
  readonly seed: number;
  readonly stunServers: readonly TransportAddress[];
  readonly relayServers: readonly TransportAddress[];
  /** They are reached by stream, too. */
  readonly relaysByStream?: boolean;
  /** Where it asks for a mapping; undefined: nowhere. */
  readonly gateway?: TransportAddress | undefined;
  /** What it knows of its NAT. It does not find out by itself. */
  readonly natBehavior: NatBehavior;
  /** Its address inside the tunnel. */
  readonly innerIp: string;
  /** Called for everything that its driver wanted done. */
  readonly onEffect?: (effect: DriverEffect) => void;
}

export interface SimulatedPeer {
  readonly publicKey: PublicKey;
  readonly innerIp: string;
}

/** As the rc file's defaults. */
export const SETTINGS = { holePunchTimeoutMs: 15_000, maxCandidatePairs: 10, refreshIntervalMs: 60_000 };
export const KEEPALIVE_MS = 25_000;

interface Ports {
  readonly datagrams: VirtualDatagrams;
  readonly sources: SimulatedSources;
  readonly allocations: SimulatedAllocations;
}

/**
 * A node of the simulator: the driver that `NatTraversal` runs, between a transport, sources, relays and signalling that are
 * virtual and know no promises, so that time may jump.
 */
export class SimulatedNode {
  readonly transport: MemoryTransport;
  readonly #driver: Driver;
  readonly #loop: DriverLoop;
  readonly #port: TransportPort;
  readonly #needs: SimulatedNodeNeeds;
  readonly #random: SeededRandom;
  #ports: Ports | undefined;
  #watch: Disposable | undefined;

  constructor(needs: SimulatedNodeNeeds) {
    this.#needs = needs;
    this.#random = new SeededRandom(needs.seed);
    const { host, clock, publicKey } = needs;
    const onEvent = (event: DriverEvent) => this.#loop.handle(event);
    this.transport = new MemoryTransport({ host, clock, publicKey, random: this.#random });
    const loops = new LoopWatch({
      transport: this.transport,
      clock,
      onLoop: (sent) => sent.kind === 'check' && onEvent({ type: 'looped', peer: sent.peer, path: sent.path }),
    });
    this.#driver = new Driver({ ...SETTINGS, ownKey: publicKey, random: (length) => this.#random.bytes(length) });
    this.#loop = new DriverLoop({
      driver: this.#driver,
      clock,
      // What fails must be seen here.
      guard: { run: (_what, action) => action() },
      perform: (effect) => this.#perform(effect),
    });
    this.#port = new TransportPort({ transport: this.transport, checks: new SimulatedChecks(), loops, onEvent });
  }

  get publicKey(): PublicKey {
    return this.#needs.publicKey;
  }

  // --- Life ---

  start(): void {
    const {
      clock,
      signaling,
      host,
      natBehavior,
      gateway,
      stunServers,
      relayServers,
      relaysByStream = false,
    } = this.#needs;
    const datagrams = this.transport.open();
    if (datagrams === undefined) return;
    const onEvent = (event: DriverEvent) => this.#loop.handle(event);
    const listenPort = this.transport.listenPort ?? 0;
    const sources = {
      datagrams,
      clock,
      random: this.#random,
      servers: stunServers,
      host,
      listenPort,
      gateway,
      natBehavior,
    };
    this.#ports = {
      datagrams,
      sources: new SimulatedSources({ ...sources, onEvent }),
      allocations: new SimulatedAllocations({ datagrams, clock, host, onEvent }),
    };
    this.#port.start();
    onEvent({ type: 'sockets', bases: datagrams.bases });
    onEvent({ type: 'started' });
    signaling.join(this.publicKey, {
      receive: (from, message) => onEvent({ type: 'message', peer: from, message }),
      stateChanged: (up) => onEvent({ type: 'signaling-state', up }),
    });
    const servers = relayServers.flatMap((address): RelayServer[] => {
      const group = formatAddress(address);
      const udp = { url: `memory:${group}`, transport: 'udp' as const };
      const tcp = { url: `memory+tcp:${group}`, transport: 'tcp' as const, group };
      return relaysByStream ? [{ ...udp, group }, tcp] : [udp];
    });
    const all = servers.map((server) => ({ plugin: 'relay', server, canProbe: relaysByStream }));
    onEvent({ type: 'relay-servers', servers: all });
    onEvent({ type: 'gather' });
    this.#watch = host.onAddressChange(() => onEvent({ type: 'network-changed' }));
  }

  stop(): void {
    this.#loop.handle({ type: 'stopped' });
    this.#loop.handle({ type: 'relay-servers', servers: [] });
    this.#needs.signaling.leave(this.publicKey);
    this.#watch?.[Symbol.dispose]();
    this.#port.stop();
    this.#ports?.sources.stop();
    this.#ports?.allocations.stop();
    this.transport.close();
  }

  addPeer({ publicKey, innerIp }: SimulatedPeer): void {
    this.transport.addPeer({ publicKey, allowedIps: [`${innerIp}/32`], roaming: false });
    this.#loop.handle({ type: 'peer-added', peer: publicKey, keepaliveMs: KEEPALIVE_MS });
  }

  // --- What shows ---

  /** The connection type to a peer once there is a session, else why there is none. */
  connection(peer: PublicKey): ConnectionType | 'connecting' | 'idle' | 'unreachable' {
    return this.#driver.engine.view(peer)?.connection ?? 'idle';
  }

  /** The path in use, as text: `udp4>198.51.100.7:40312`. */
  activePath(peer: PublicKey): string | undefined {
    return this.inUse(peer).path;
  }

  /** `isInDoubt`: it went silent, or the network changed under it. */
  inUse(peer: PublicKey): { readonly path: string | undefined; readonly isInDoubt: boolean } {
    const { phase, pairInUse: pair } = this.#driver.engine.view(peer) ?? {};
    const path = pair && `${pair.localBase.id}>${formatAddress(pair.remote)}`;
    return { path, isInDoubt: phase === 'suspect' || phase === 'lost' || phase === 'unreachable' };
  }

  /** Sends a packet of the tunnel. */
  send(toInnerIp: string, payload: Uint8Array): void {
    const header = Buffer.alloc(20);
    header[0] = 0x45;
    header.set(this.#needs.innerIp.split('.').map(Number), 12);
    header.set(toInnerIp.split('.').map(Number), 16);
    this.transport.packets.send(Buffer.concat([header, payload]));
  }

  // --- Effects ---

  #perform(effect: DriverEffect): void {
    this.#needs.onEffect?.(effect);
    if (this.#ports === undefined) return;
    const { datagrams, sources, allocations } = this.#ports;
    switch (effect.type) {
      case 'gather':
        return sources.gather();
      case 'refresh':
        allocations.renew();
        return sources.refresh();
      case 'learn-binding-lifetime':
        return sources.learnBindingLifetime();
      case 'allocate':
        return allocations.allocate(effect.on);
      case 'probe-relay':
        return allocations.probe(effect.on);
      case 'close-allocation':
        return allocations.close(effect.allocationId);
      case 'renew-allocations':
        return allocations.renew();
      case 'permit':
        return allocations.permit(effect.peer, effect.path);
      case 'release':
        return allocations.release(effect.path);
      case 'send-message':
        return this.#needs.signaling.send(this.publicKey, effect.to, effect.message);
      case 'open-bases': {
        const { peer, family, count } = effect;
        const bases = Array.from({ length: count }, () => datagrams.open(family));
        return this.#loop.handle({ type: 'bases-opened', peer, bases });
      }
      // Its sockets are its own.
      case 'try-endpoint':
      case 'nudge-signaling':
      case 'relay-down':
      case 'pong':
      case 'changed':
        break;
      default:
        this.#port.perform(effect);
    }
  }
}
