import type { Clock } from '@wirepath/core';
import type { LanAddress, LanNetwork, LanNetworkEvents } from '../src/index.js';

/** What went over the network: a beacon has no `to`. */
export interface SeenDatagram {
  readonly from: string;
  readonly to?: string;
  readonly bytes: Buffer;
  readonly atMs: number;
}

const LINK = 'eth0';

/** A network in memory, on which hosts have numbers; segments can be bridged later. */
export class MemoryLan {
  readonly seen: SeenDatagram[] = [];
  readonly #hosts = new Map<string, { segment: number; events: LanNetworkEvents }>();
  readonly #bridged = new Set<number>();
  #ports = 40_000;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  bridge(...segments: number[]): void {
    for (const segment of segments) this.#bridged.add(segment);
  }

  /** A host's network; each start is another port. */
  host(ip: string, segment = 0): LanNetwork & { connected: boolean } {
    let port = 0;
    let links: readonly string[] = [];
    const host = {
      connected: true,
      start: async (events: LanNetworkEvents) => {
        port = this.#ports++;
        this.#hosts.set(`${ip} ${port}`, { segment, events });
        await host.refresh();
      },
      refresh: async () => {
        const before = links.length;
        links = host.connected ? [LINK] : [];
        return links.length !== before;
      },
      stop: async () => {
        this.#hosts.delete(`${ip} ${port}`);
        links = [];
      },
      links: () => links,
      problem: () => (links.length === 0 ? 'the cable is out' : undefined),
      multicast: (bytes: Uint8Array) => this.#carry({ link: LINK, ip, port }, segment, bytes),
      send: (to: LanAddress, bytes: Uint8Array) => this.#carry({ link: LINK, ip, port }, segment, bytes, to),
    };
    return host;
  }

  /** As a stranger on the segment would. */
  inject(from: LanAddress, bytes: Uint8Array, to?: LanAddress): void {
    this.#carry(from, 0, bytes, to);
  }

  #carry(from: LanAddress, segment: number, bytes: Uint8Array, to?: LanAddress): void {
    const copy = Buffer.from(bytes);
    const target = to && `${to.ip} ${to.port}`;
    this.seen.push({
      from: `${from.ip} ${from.port}`,
      bytes: copy,
      atMs: this.#clock.now(),
      ...(target !== undefined && { to: target }),
    });
    this.#clock.setTimeout(() => {
      for (const [key, host] of this.#hosts) {
        const isBridged = this.#bridged.has(segment) && this.#bridged.has(host.segment);
        if (host.segment !== segment && !isBridged) continue;
        if (to === undefined) host.events.beacon(copy, from);
        else if (key === target) host.events.frame(copy, from);
      }
    }, 0);
  }
}
