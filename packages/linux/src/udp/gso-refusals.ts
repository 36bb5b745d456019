import type { SocketAddress } from './socket-address.js';

const DESTINATIONS_MAX = 64;
/** Paths change: after this it is tried again. */
const HOLDS_MS = 60_000;

/** Destinations towards which the system takes no segments: above the path's MTU, or by an interface that cannot (EIO). */
export class GsoRefusals {
  readonly #untilMs = new Map<string, { readonly ms: number; readonly why: string }>();

  add({ ip }: SocketAddress, why: string): void {
    const [oldest] = this.#untilMs.keys();
    if (oldest !== undefined && this.#untilMs.size >= DESTINATIONS_MAX) this.#untilMs.delete(oldest);
    this.#untilMs.set(ip, { ms: performance.now() + HOLDS_MS, why });
  }

  includes({ ip }: SocketAddress): boolean {
    if (this.#untilMs.size === 0) return false;
    const until = this.#untilMs.get(ip);
    if (until === undefined) return false;
    if (performance.now() < until.ms) return true;
    this.#untilMs.delete(ip);
    return false;
  }

  /** `192.0.2.1: EIO` */
  describe(): string[] {
    return Array.from(this.#untilMs, ([ip, { why }]) => `${ip}: ${why}`);
  }
}
