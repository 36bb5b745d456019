import type { SeededRandom } from '../random.js';
import type { Packet } from './packet.js';

const UDP_HEADER_BYTES = 8;
const IP_HEADER_BYTES = { 4: 20, 6: 40 } as const;

/** What a host's or router's connection does to each datagram, in either direction. */
export interface LinkSettings {
  /** One way. @default 5 */
  readonly latencyMs?: number;
  /** Added at random, up to this much, to each datagram on its own: more than the gap between two reorders them. @default 0 */
  readonly jitterMs?: number;
  /** Probability of being lost. @default 0 */
  readonly loss?: number;
  /** Bytes of an IP packet; what is larger is lost: nothing is fragmented here. @default as large as it likes */
  readonly mtu?: number;
}

/** A connection to a segment. Its settings may change at any time. */
export class Link {
  latencyMs: number;
  jitterMs: number;
  loss: number;
  mtu: number;
  /** False: unplugged. */
  up = true;

  constructor(
    { latencyMs = 5, jitterMs = 0, loss = 0, mtu = Infinity }: LinkSettings,
    readonly random: SeededRandom,
  ) {
    this.latencyMs = latencyMs;
    this.jitterMs = jitterMs;
    this.loss = loss;
    this.mtu = mtu;
  }

  /** For one datagram. @returns undefined when it is lost. */
  delayMs({ bytes, destination, isOfStream }: Packet): number | undefined {
    if (bytes.length + UDP_HEADER_BYTES + IP_HEADER_BYTES[destination.family] > this.mtu) return undefined;
    if (!this.up) return undefined;
    if (isOfStream === true) return this.latencyMs;
    if (this.loss > 0 && this.random.chance(this.loss)) return undefined;
    return this.latencyMs + (this.jitterMs > 0 ? this.random.next() * this.jitterMs : 0);
  }
}
