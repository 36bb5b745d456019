import type { Clock } from '@wirepath/core';
import { SeededRandom } from '../random.js';
import { VirtualHost } from './virtual-host.js';
import { Link, type LinkSettings } from './link.js';
import { NatRouter, type RouterSettings } from './nat-router.js';
import type { Attachment, Carrier } from './carrier.js';
import type { Packet } from './packet.js';
import { Segment } from './segment.js';

export interface HostSettings extends LinkSettings {
  /** On this segment. @default the internet */
  readonly on?: Segment;
  readonly ips: readonly string[];
}

/**
 * An internet in memory: hosts, LANs, NATs, latency and loss. It moves with the clock that it is given, and one seed
 * replays everything that happens on it.
 *
 * ```ts
 * const time = new VirtualTime();
 * const network = new VirtualNetwork({ clock: time, seed: 7 });
 * const home = network.lan('home');
 * network.router({ inside: home, ip: '198.51.100.1', nat: NATS.symmetric, latencyMs: 10 });
 * const laptop = network.host({ on: home, ips: ['192.168.1.2'] });
 * const server = network.host({ ips: ['203.0.113.10'] });
 * server.bind(4, 3478, ({ source }) => console.log('seen as', source));
 * laptop.bind(4, 51820, () => {}).send(transportAddress('203.0.113.10', 3478), Buffer.from('hello'));
 * time.runUntil(1000);
 * ```
 */
export class VirtualNetwork implements Carrier {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly internet: Segment;
  /** Datagrams dropped, by reason. */
  readonly dropped = new Map<string, number>();
  /** Asked for every datagram as it is sent on a segment; false drops it. For partitions, and to look on. */
  lets: (packet: Packet) => boolean = () => true;

  constructor({ clock, seed = 1 }: { clock: Clock; seed?: number }) {
    this.clock = clock;
    this.random = new SeededRandom(seed);
    this.internet = new Segment('internet', this);
  }

  /** A segment that a router has to join to another. */
  lan(name: string): Segment {
    return new Segment(name, this);
  }

  host({ on = this.internet, ips, ...link }: HostSettings): VirtualHost {
    const host = new VirtualHost(this.clock);
    for (const ip of ips) host.attach(on, ip, new Link(link, this.random));
    return host;
  }

  router({ inside, outside = this.internet, ...settings }: RouterSettings): NatRouter {
    return new NatRouter({ ...settings, inside, outside }, this);
  }

  carry(packet: Packet, from: Link, to: Attachment): void {
    const [away, here] = [from.delayMs(packet), to.link.delayMs(packet)];
    if (away === undefined || here === undefined) return this.drop('lost');
    if (!this.lets(packet)) return this.drop('partition');
    this.clock.setTimeout(() => {
      if (to.link.up) to.receive(packet);
      else this.drop('lost');
    }, away + here);
  }

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
  }
}
