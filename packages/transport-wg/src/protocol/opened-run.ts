import type { Keypair } from './keypair.js';
import type { Peer } from './peer.js';

/** So many small or full packets lie in a core's nearer caches still when they are handed on. */
const PACKETS_MAX = 32;

/**
 * Packets of one session and one path that were opened one behind the other, and are handed on one behind the other: each of the two
 * is a loop that stays in the caches, and what is due for a session is done once for all.
 */
export class OpenedRun<P> {
  peer: Peer<P> | undefined;
  keypair: Keypair | undefined;
  from: P | undefined;
  /** Of the first. */
  now = 0;
  count = 0;
  /** As datagrams. */
  datagramBytes = 0;
  /** How many were no keepalives. */
  dataCount = 0;
  /** Offset and size of each. */
  readonly offsets = new Int32Array(PACKETS_MAX);
  readonly sizes = new Int32Array(PACKETS_MAX);

  /** Whether one of this session and path may be added. */
  takes(keypair: Keypair, from: P): boolean {
    return this.count === 0 || (this.keypair === keypair && this.from === from && this.count < PACKETS_MAX);
  }

  add(
    peer: Peer<P>,
    keypair: Keypair,
    from: P,
    now: number,
    offset: number,
    sizeBytes: number,
    datagramBytes: number,
  ): void {
    if (this.count === 0) {
      this.peer = peer;
      this.keypair = keypair;
      this.from = from;
      this.now = now;
    }
    this.offsets[this.count] = offset;
    this.sizes[this.count] = sizeBytes;
    this.count++;
    this.datagramBytes += datagramBytes;
    if (sizeBytes > 0) this.dataCount++;
  }

  clear(): void {
    this.peer = undefined;
    this.keypair = undefined;
    this.from = undefined;
    this.count = 0;
    this.datagramBytes = 0;
    this.dataCount = 0;
  }
}
