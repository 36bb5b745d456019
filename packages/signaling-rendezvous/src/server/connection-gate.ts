import { ipGroup, isLoopback } from '../protocol/ip-group.js';

/** Bounds the connections of one IP address or IPv6 /64. */
export class ConnectionGate {
  readonly #maxPerIp: number;
  readonly #counts = new Map<string, number>();

  constructor(maxPerIp: number) {
    this.#maxPerIp = maxPerIp;
  }

  /** @returns undefined when this address has enough; otherwise to be disposed when the connection is closed. */
  enter(remoteIp: string): Disposable | undefined {
    // A reverse proxy brings everybody from there.
    if (isLoopback(remoteIp)) return { [Symbol.dispose]: () => undefined };
    const group = ipGroup(remoteIp);
    const count = this.#counts.get(group) ?? 0;
    if (count >= this.#maxPerIp) return undefined;
    this.#counts.set(group, count + 1);
    return { [Symbol.dispose]: () => this.#leave(group) };
  }

  #leave(group: string): void {
    const count = (this.#counts.get(group) ?? 0) - 1;
    if (count > 0) this.#counts.set(group, count);
    else this.#counts.delete(group);
  }
}
