/** TAI64N labels (12 bytes, hex): text order is time order. */
const TAI64_BASE = 0x4000_0000_0000_000an;
const NANOSECONDS = 1_000_000_000n;

/** Stamps messages. Each stamp is greater than the one before, whatever the wall clock does. */
export class MessageClock {
  #lastNs = 0n;

  stamp(unixMs: number): string {
    const nowNs = BigInt(Math.floor(unixMs)) * 1_000_000n;
    this.#lastNs = nowNs > this.#lastNs ? nowNs : this.#lastNs + 1n;
    const seconds = (TAI64_BASE + this.#lastNs / NANOSECONDS).toString(16).padStart(16, '0');
    return seconds + (this.#lastNs % NANOSECONDS).toString(16).padStart(8, '0');
  }
}

/** How much later `b` is than `a`, ms: whole seconds' worth, as far as clocks of people go. */
export function msBetween(a: string, b: string): number {
  return Number(BigInt(`0x${b.slice(0, 16)}`) - BigInt(`0x${a.slice(0, 16)}`)) * 1000;
}

export function isMessageTime(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{24}$/.test(value);
}
