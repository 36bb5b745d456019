import { EdgeGuard, FakeClock, memoryLogger, type MemoryLogger } from '@wirepath/core';
import {
  formatAddress,
  transportAddress,
  type Clock,
  type PhysicalEgress,
  type TransportAddress,
} from '@wirepath/core/plugin';
import {
  NATS,
  SeededRandom,
  StaticEgress,
  StaticOutside,
  VirtualDatagrams,
  VirtualGateway,
  VirtualNetwork,
  type NatRouter,
  type VirtualGatewaySettings,
  type VirtualHost,
} from '@wirepath/testkit';
import { PortmapSource, type PortmapSourceNeeds } from '../src/portmap-source.js';
import type { Protocol } from '../src/protocol/inquiry.js';

export const GATEWAY_IP = '192.168.1.1';
export const PUBLIC_IP = '198.51.100.1';

export type GatewaySettings = Partial<VirtualGatewaySettings>;

export interface HomeOptions {
  readonly time?: FakeClock;
  readonly seed?: number;
  readonly gateway?: GatewaySettings;
  /** What its gateway has outside. @default {@link PUBLIC_IP} */
  readonly publicIp?: string;
}

/** A LAN behind a symmetric NAT whose router maps ports. */
export class Home {
  readonly time: FakeClock;
  readonly network: VirtualNetwork;
  readonly router: NatRouter;
  readonly gateway: VirtualGateway;
  readonly #lan;

  constructor({ time = new FakeClock(), seed = 1, gateway = {}, publicIp = PUBLIC_IP }: HomeOptions = {}) {
    this.time = time;
    this.network = new VirtualNetwork({ clock: time, seed });
    this.#lan = this.network.lan('home');
    this.router = this.network.router({ inside: this.#lan, ip: publicIp, nat: NATS.symmetric });
    const { random } = this.network;
    this.gateway = new VirtualGateway({
      router: this.router,
      inside: this.#lan,
      ip: GATEWAY_IP,
      clock: time,
      random,
      ...gateway,
    });
  }

  host(ip: string): VirtualHost {
    return this.network.host({ on: this.#lan, ips: [ip] });
  }

  node(ip: string, options: NodeOptions = {}): NodeBehindGateway {
    return new NodeBehindGateway(this.time, this.host(ip), options);
  }

  /** A second gateway in the same LAN, in front of another NAT. */
  otherGateway(ip: string, publicIp: string): VirtualGateway {
    const lan = this.network.lan('other');
    const router = this.network.router({ inside: lan, ip: publicIp, nat: NATS.symmetric });
    const { random } = this.network;
    return new VirtualGateway({ router, inside: this.#lan, ip, clock: this.time, random });
  }
}

export interface NodeOptions {
  readonly protocols?: readonly Protocol[];
  readonly lifetimeSeconds?: number;
  readonly reflexive?: readonly TransportAddress[];
  /** What its nonces are made of: that of a node that was there before. @default its address */
  readonly key?: string;
  readonly needs?: Partial<PortmapSourceNeeds>;
}

const NEVER = new AbortController().signal;

export function wayOut(ip: string, gateway = GATEWAY_IP): PhysicalEgress {
  return { interfaceName: 'eth0', family: 4, ip, gateway, evidence: 'route' };
}

export function sourceNeeds(clock: Clock, egress: StaticEgress, key: string): PortmapSourceNeeds {
  const logger = memoryLogger();
  return {
    logger,
    clock,
    guard: EdgeGuard.create('source-portmap', { logger, clock }),
    random: new SeededRandom(5),
    outside: new StaticOutside(),
    egress,
    // UPnP is HTTP, and that is no virtual matter.
    protocols: ['pcp', 'nat-pmp'],
    lifetimeSeconds: 7200,
    description: 'wirepath',
    nonce: (text) => Buffer.from(`${key} ${text}`.padEnd(12, '.')).subarray(0, 12),
  };
}

/** A source on a host of a {@link Home}. */
export class NodeBehindGateway {
  readonly datagrams: VirtualDatagrams;
  readonly egress: StaticEgress;
  readonly source: PortmapSource;
  readonly logger: MemoryLogger = memoryLogger();
  found: readonly string[] = [];
  changes = 0;

  constructor(
    readonly time: FakeClock,
    readonly host: VirtualHost,
    readonly options: NodeOptions,
  ) {
    const ip = host.ips[0] ?? '';
    this.datagrams = new VirtualDatagrams(host);
    this.egress = new StaticEgress([wayOut(ip)]);
    const { protocols, lifetimeSeconds, key = ip, needs } = options;
    this.source = new PortmapSource({
      ...sourceNeeds(time, this.egress, key),
      logger: this.logger,
      ...(protocols && { protocols }),
      ...(lifetimeSeconds !== undefined && { lifetimeSeconds }),
      ...needs,
    });
  }

  get context() {
    const { reflexive } = this.options;
    return {
      signal: NEVER,
      datagrams: this.datagrams,
      listenPort: 51_820,
      ...(reflexive && { reflexive: () => reflexive }),
    };
  }

  async gather(): Promise<readonly string[]> {
    const found: string[] = [];
    const work = (async () => {
      for await (const { address, forwardedBy } of this.source.gather(this.context))
        found.push(`${formatAddress(address)} ${forwardedBy}`);
    })();
    await this.#pass(work);
    this.found = found;
    return found;
  }

  refresh(): Promise<boolean> {
    return this.#pass(this.source.refresh(this.context));
  }

  watch(): Disposable {
    return this.source.watch(() => (this.changes += 1));
  }

  stop(): Promise<void> {
    return this.#pass(this.source.stop());
  }

  async #pass<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const marked = work.finally(() => (done = true));
    marked.catch(() => undefined);
    for (let passedMs = 0; !done; passedMs += 50) {
      if (passedMs > 60_000) throw new Error('not done after a minute');
      await this.time.advance(50);
    }
    return marked;
  }
}

export const address = transportAddress;
