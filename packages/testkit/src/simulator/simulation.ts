import type { ConnectionType, DriverEffect } from '@wirepath/core';
import { Link } from '../network/link.js';
import type { NatRouter } from '../network/nat-router.js';
import { Overlay } from '../network/overlay.js';
import type { VirtualHost } from '../network/virtual-host.js';
import { VirtualTime } from '../network/virtual-time.js';
import { SeededRandom } from '../random.js';
import { buildNetwork, type BuiltNetwork } from './build-network.js';
import type { Disturbance, NetworkPlan } from './plan/network-plan.js';
import { Oracle, type Verdict } from './plan/oracle.js';
import { SimulatedNode } from './node/simulated-node.js';
import { SimulatedSignaling } from './node/simulated-signaling.js';
import { gatewayOf, natBehaviorOf, topologyOf, type Topology } from './plan/topology.js';

/** An event of a run, for a trace. */
export interface TraceLine {
  readonly atMs: number;
  readonly node: number;
  readonly effect: DriverEffect;
}

const OUTAGE_MS = 5000;
const SIGNALLING_OUTAGE_MS = 20_000;
const RELAY_OUTAGE_MS = 20_000;
const UDP_BLOCKED_MS = 20_000;
const OVERLAY_IPS = ['192.168.77.1', '192.168.77.2'] as const;
const INNER_IPS = ['10.77.0.1', '10.77.0.2'] as const;

/** Two nodes on the network of a plan. Time stands still until `runUntil`. */
export class Simulation {
  readonly time = new VirtualTime();
  readonly topology: Topology;
  readonly built: BuiltNetwork;
  readonly signaling: SimulatedSignaling;
  readonly nodes: readonly [SimulatedNode, SimulatedNode];
  /** By the oracle. */
  readonly expected: Verdict;
  /** All that the drivers wanted done, but for checks and answers. */
  readonly trace: TraceLine[] = [];
  /** How often each node has left a path that nothing spoke against for another one: what is no repair. */
  readonly switches: [number, number] = [0, 0];
  readonly #inUse: ReturnType<SimulatedNode['inUse']>[] = [];
  #changes = 0;

  constructor(readonly plan: NetworkPlan) {
    this.topology = topologyOf(plan);
    this.expected = new Oracle(this.topology).verdict();
    this.built = buildNetwork(this.topology, this.time, plan.seed);
    const random = new SeededRandom(plan.seed ^ 0x5eed);
    this.signaling = new SimulatedSignaling(this.time, random);
    this.signaling.latencyMs = plan.signalingLatencyMs;
    this.nodes = [this.#node(0, random), this.#node(1, random)];
  }

  /** Starts both, the second as much later as the plan says, and tells them of each other. */
  start(): void {
    for (const [index, node] of this.nodes.entries()) {
      this.time.setTimeout(() => {
        node.start();
        node.addPeer({ publicKey: this.nodes[1 - index]?.publicKey ?? '', innerIp: INNER_IPS[1 - index] ?? '' });
      }, index * this.plan.staggerMs);
    }
  }

  runUntil(atMs: number): void {
    this.time.runUntil(atMs);
  }

  /** Makes it happen now; what takes time goes on by itself. */
  disturb({ kind, site }: Disturbance): void {
    switch (kind) {
      case 'rebinding':
        return this.#rebind(site);
      case 'address-change':
        return this.#changeAddress(site);
      case 'outage': {
        const links = this.#host(site).links;
        for (const link of links) link.up = false;
        this.time.setTimeout(() => {
          for (const link of links) link.up = true;
        }, OUTAGE_MS);
        return;
      }
      case 'relay-restart':
        for (const relay of this.built.relays) relay.restart();
        return;
      case 'relay-outage':
        return this.#silenceRelay(site);
      case 'udp-blocked': {
        const router = this.#routersOf(site).at(-1);
        if (router === undefined) return;
        const { blocks } = router;
        router.blocks = (packet, direction) => packet.isOfStream !== true || blocks(packet, direction);
        this.time.setTimeout(() => (router.blocks = blocks), UDP_BLOCKED_MS);
        return;
      }
      case 'signalling-outage':
        this.signaling.up = false;
        this.time.setTimeout(() => this.#rebind(site), SIGNALLING_OUTAGE_MS / 2);
        this.time.setTimeout(() => (this.signaling.up = true), SIGNALLING_OUTAGE_MS);
    }
  }

  /**
   * Whether only the hard-NAT strategy gets these two a path without a relay: one maps per destination, the other does not,
   * and ordinary checks do not do. The oracle knows nothing of luck, and expects a relay or nothing.
   */
  get isHard(): boolean {
    const mappings = ([0, 1] as const).map((index) => natBehaviorOf(this.topology, index).mapping);
    const dependent = mappings.filter((mapping) => mapping !== 'endpoint-independent').length;
    const passesUdp = this.topology.routers.every((router) => router.passesUdp);
    return dependent === 1 && passesUdp && this.expected.every((type) => type === 'relayed' || type === undefined);
  }

  /** Whether nothing but a relay reached by stream connects them. */
  get isByStreamAlone(): boolean {
    if (!this.topology.relaysByStream || this.expected.includes(undefined)) return false;
    return new Oracle({ ...this.topology, relaysByStream: false }).verdict().includes(undefined);
  }

  /** Datagrams that each node's host has sent. */
  get sentDatagrams(): readonly [number, number] {
    return [this.#host(0).sentDatagrams, this.#host(1).sentDatagrams];
  }

  stop(): void {
    for (const node of this.nodes) node.stop();
  }

  /** The connection that each node shows; undefined where it shows none. */
  connections(): Verdict {
    const [a, b] = this.nodes;
    return [known(a.connection(b.publicKey)), known(b.connection(a.publicKey))];
  }

  activePaths(): readonly [string | undefined, string | undefined] {
    const [a, b] = this.nodes;
    return [a.activePath(b.publicKey), b.activePath(a.publicKey)];
  }

  /** Sends a numbered packet through the tunnel. @param from 0 or 1. */
  send(from: 0 | 1, number: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(number);
    this.nodes[from].send(INNER_IPS[1 - from] ?? '', payload);
  }

  /** Calls back for every packet that comes out of the tunnel. @param at the node that it comes out at. */
  onPacket(listener: (at: number, number: number) => void): void {
    for (const [index, node] of this.nodes.entries()) {
      node.transport.packets.onPacket((packet) => {
        if (!Overlay.isWrapped(packet)) listener(index, Buffer.from(packet).readUInt32BE(20));
      });
    }
  }

  /** Both are in a network that rides on their tunnel, from now on. */
  addOverlay(options: { readonly encrypted: boolean }): Overlay {
    const overlay = new Overlay(options);
    for (const [index, node] of this.nodes.entries()) {
      const ip = OVERLAY_IPS[index] ?? '';
      overlay.join({ ip, innerIp: INNER_IPS[index] ?? '', packets: node.transport.packets });
      this.#host(index as 0 | 1).attach(overlay.segment, ip, new Link({ latencyMs: 0 }, new SeededRandom(index)));
    }
    return overlay;
  }

  #host(index: 0 | 1): VirtualHost {
    const host = this.built.hosts.get(this.topology.nodes[index]);
    if (host === undefined) throw new Error('a topology has two nodes');
    return host;
  }

  /** The routers in front of a node, innermost first. */
  #routersOf(site: 0 | 1): NatRouter[] {
    const { hosts, routers } = this.topology;
    const found: NatRouter[] = [];
    let segment = hosts.find(({ name }) => name === this.topology.nodes[site])?.segment;
    for (;;) {
      const index = routers.findIndex(({ inside }) => inside === segment);
      const router = this.built.routers[index];
      if (router === undefined) return found;
      found.push(router);
      segment = routers[index]?.outside;
    }
  }

  #silenceRelay(index: 0 | 1): void {
    const relay = this.built.relays[index] ?? this.built.relays[0];
    if (relay === undefined) return;
    const { network } = this.built;
    const { lets } = network;
    const { ip } = relay.address;
    network.lets = (packet) => packet.source.ip !== ip && packet.destination.ip !== ip && lets(packet);
    this.time.setTimeout(() => {
      relay.restart();
      network.lets = lets;
    }, RELAY_OUTAGE_MS);
  }

  #rebind(site: 0 | 1): void {
    this.#routersOf(site)[0]?.rebind();
  }

  #changeAddress(site: 0 | 1): void {
    this.#changes += 1;
    const ip = `198.51.100.${100 + this.#changes}`;
    const outermost = this.#routersOf(site).at(-1);
    if (outermost !== undefined) return outermost.changeAddress(ip);
    const own = this.#host(site).ips.find((one) => !one.includes(':'));
    if (own !== undefined) this.#host(site).move(own, this.built.network.internet, ip);
  }

  #look(index: 0 | 1): void {
    const { publicKey } = this.nodes[1 - index] ?? this.nodes[0];
    const now = this.nodes[index].inUse(publicKey);
    const before = this.#inUse[index];
    if (before?.path !== undefined && now.path !== before.path && !before.isInDoubt) this.switches[index] += 1;
    this.#inUse[index] = now;
  }

  #node(index: 0 | 1, random: SeededRandom): SimulatedNode {
    const host = this.#host(index);
    return new SimulatedNode({
      publicKey: Buffer.from(random.bytes(32)).toString('base64'),
      host,
      clock: this.time,
      signaling: this.signaling,
      seed: random.integer(0, 2 ** 31),
      stunServers: this.topology.stunServers,
      relayServers: this.topology.relaysOf[index],
      relaysByStream: this.topology.relaysByStream,
      gateway: gatewayOf(this.topology, index),
      natBehavior: natBehaviorOf(this.topology, index),
      innerIp: INNER_IPS[index],
      onEffect: (effect) => {
        if (effect.type !== 'send-check' && effect.type !== 'answer-check')
          this.trace.push({ atMs: this.time.now(), node: index, effect });
        if (effect.type === 'set-path' || effect.type === 'changed') this.#look(index);
      },
    });
  }
}

function known(connection: string): ConnectionType | undefined {
  return connection === 'direct' || connection === 'hole-punched' || connection === 'relayed' ? connection : undefined;
}
