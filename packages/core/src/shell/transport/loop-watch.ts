import { transactionKey, type TransportAddress } from '@wirepath/stun-codec';
import type { PublicKey } from '../../base/identity/identity.js';
import type { Clock } from '../../base/time/clock.js';
import type { Transport } from '../../contracts/transport.js';
import type { EnginePath } from '../../engine/engine-path.js';
import { GREATEST_OVERHEAD, LARGEST_CHECK_BYTES, LEAST_OVERHEAD } from '../../engine/loops/loop-trial.js';

/** What was sent: a check to a peer, or a request to a server. */
export type SentRequest =
  | { readonly kind: 'check'; readonly peer: PublicKey; readonly path: EnginePath }
  | { readonly kind: 'request'; readonly server: TransportAddress };

export interface LoopWatchNeeds {
  readonly transport: Pick<Transport, 'onInnerPacket'>;
  readonly clock: Pick<Clock, 'now'>;
  /** It was read from our own interface: it is on its way through the tunnel. */
  onLoop(sent: SentRequest): void;
}

interface Outstanding {
  readonly sent: SentRequest;
  readonly sizeBytes: number;
  readonly atMs: number;
}

/** What goes through the tunnel comes out of our interface before anything of it can arrive: at once, or when an overlay has found its way. */
const WATCH_MS = 1000;
/** Of checks in flight: those of one second, of the peer whose NAT is guessed at among them. */
const MAX_OUTSTANDING = 2048;
/** What is larger has no check in it. */
const MAX_PACKET_BYTES = LARGEST_CHECK_BYTES + GREATEST_OVERHEAD;
/** A packet holds one message; one that is full of cookies is somebody's joke. */
const MAX_COOKIES = 4;
const COOKIE = Buffer.of(0x21, 0x12, 0xa4, 0x42);
const ID_BYTES = 12;

/**
 * Looks for our own STUN requests in what this machine sends into the tunnel: in whatever they are wrapped, an overlay that
 * does not encrypt leaves cookie and transaction id as they are; of one that does, the sizes remain. Listens only while
 * a request is out, and for a second at most; then a packet costs a search for four bytes, and a large one nothing.
 */
export class LoopWatch {
  readonly #needs: LoopWatchNeeds;
  /** By transaction, oldest first. */
  readonly #outstanding = new Map<string, Outstanding>();
  /** When a packet of each size last came out of the interface, ms. */
  readonly #seenAtMs = new Float64Array(MAX_PACKET_BYTES + 1).fill(-Infinity);
  #newestAtMs = -Infinity;
  #listening: Disposable | undefined;

  constructor(needs: LoopWatchNeeds) {
    this.#needs = needs;
  }

  /** To be called before it is sent. @param sizeBytes of the STUN message. */
  sent(transactionId: Uint8Array, sent: SentRequest, sizeBytes: number): void {
    const { transport, clock } = this.#needs;
    if (transport.onInnerPacket === undefined) return;
    const atMs = clock.now();
    for (const [key, oldest] of this.#outstanding) {
      if (atMs - oldest.atMs <= WATCH_MS && this.#outstanding.size < MAX_OUTSTANDING) break;
      this.#outstanding.delete(key);
    }
    this.#outstanding.set(transactionKey(transactionId), { sent, sizeBytes, atMs });
    this.#newestAtMs = atMs;
    this.#listening ??= transport.onInnerPacket((packet) => this.#see(packet));
  }

  /**
   * A request was answered, and is not looked for any more.
   * @param transaction its key.
   * @returns by how many bytes packets that came out of our interface meanwhile were larger, each number once, as far as an
   * overlay may account for it; undefined where nobody looked.
   */
  answered(transaction: string): readonly number[] | undefined {
    const outstanding = this.#outstanding.get(transaction);
    if (outstanding === undefined) return undefined;
    this.#outstanding.delete(transaction);
    if (this.#outstanding.size === 0) this.stop();
    const { sizeBytes, atMs } = outstanding;
    const overheads: number[] = [];
    for (let overhead = LEAST_OVERHEAD; overhead <= GREATEST_OVERHEAD; overhead += 1)
      if ((this.#seenAtMs[sizeBytes + overhead] ?? -Infinity) >= atMs) overheads.push(overhead);
    return overheads;
  }

  /** Forgets what is outstanding. */
  stop(): void {
    this.#outstanding.clear();
    this.#listening?.[Symbol.dispose]();
    this.#listening = undefined;
  }

  #see(packet: Uint8Array): void {
    const now = this.#needs.clock.now();
    if (now - this.#newestAtMs > WATCH_MS) return this.stop();
    if (packet.length > MAX_PACKET_BYTES) return;
    this.#seenAtMs[packet.length] = now;
    const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
    let at = bytes.indexOf(COOKIE);
    for (let found = 0; at >= 0 && found < MAX_COOKIES; found += 1) {
      const id = at + COOKIE.length;
      const key = bytes.toString('hex', id, id + ID_BYTES);
      const outstanding = this.#outstanding.get(key);
      if (outstanding !== undefined) {
        this.#outstanding.delete(key);
        return this.#needs.onLoop(outstanding.sent);
      }
      at = bytes.indexOf(COOKIE, id);
    }
  }
}
