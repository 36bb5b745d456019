import { isLoopback } from '../addresses/address-scope.js';
import type { RandomSource } from '../time/clock.js';
import type { Share } from './keyed-shares.js';
import { sourceGroup } from './source-group.js';
import { SourceShares } from './source-shares.js';

export type GateRefusal = 'ip-connections' | 'ip-connection-rate';

export interface GateLimits {
  /** Connections of one IPv4 address or IPv6 /64. */
  readonly maxConnectionsPerIp: number;
  /** New connections of one IPv4 address or IPv6 /64; sixteen times as many of a /48. */
  readonly connectionRate: Share;
  /** Whether the two limits above hold for loopback too, where reverse proxies bring everybody from. */
  readonly limitsLoopback: boolean;
}

/** Bounds the connections of one IP address or IPv6 /64, at a time and per second. */
export class ConnectionGate {
  readonly #limits: GateLimits;
  readonly #counts = new Map<string, number>();
  readonly #rates: SourceShares;

  constructor(limits: GateLimits, random: RandomSource) {
    this.#limits = limits;
    this.#rates = new SourceShares(limits.connectionRate, random);
  }

  /**
   * @param remoteIp as the system tells it.
   * @returns to be disposed when the connection is closed; or why this address has enough.
   */
  enter(remoteIp: string, nowMs: number): Disposable | GateRefusal {
    // A reverse proxy brings everybody from there.
    if (!this.#limits.limitsLoopback && isLoopback(remoteIp)) return { [Symbol.dispose]: () => undefined };
    const group = sourceGroup(remoteIp).key;
    const count = this.#counts.get(group) ?? 0;
    if (count >= this.#limits.maxConnectionsPerIp) return 'ip-connections';
    if (!this.#rates.take(remoteIp, 1, nowMs)) return 'ip-connection-rate';
    this.#counts.set(group, count + 1);
    return { [Symbol.dispose]: () => this.#leave(group) };
  }

  #leave(group: string): void {
    const count = (this.#counts.get(group) ?? 0) - 1;
    if (count > 0) this.#counts.set(group, count);
    else this.#counts.delete(group);
  }
}
