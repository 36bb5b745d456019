/** TAI64N labels (cr.yp.to/libtai/tai64.html), 12 bytes, big endian: byte order is time order. */

export const TAI64N_BYTES = 12;

/** What wireguard-go and the kernel add to unix seconds; only the order counts on the wire. */
const TAI64_BASE = 0x4000_0000_0000_000an;
const NANOSECONDS_PER_SECOND = 1_000_000_000n;

/**
 * The clock that stamps our initiations. A stamp is always greater than the one before, whatever the wall clock does:
 * a peer refuses initiations that are not newer than the newest it has seen. It keeps the wall clock's full precision
 * (the reference implementations whiten to 16 ms), since initiations may follow each other after 50 ms.
 */
export class Tai64nClock {
  #lastNs = 0n;

  stamp(unixMs: number): Uint8Array {
    const nowNs = BigInt(Math.floor(unixMs)) * 1_000_000n;
    this.#lastNs = nowNs > this.#lastNs ? nowNs : this.#lastNs + 1n;
    const label = new Uint8Array(TAI64N_BYTES);
    const view = new DataView(label.buffer);
    view.setBigUint64(0, TAI64_BASE + this.#lastNs / NANOSECONDS_PER_SECOND);
    view.setUint32(8, Number(this.#lastNs % NANOSECONDS_PER_SECOND));
    return label;
  }
}

/** @returns whether `a` is a later time than `b`. */
export function isAfter(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) > 0;
}
