import type { PublicKey } from '@wirepath/core/plugin';

const MAX_RECIPIENTS = 8192;

/** A recipient is undeliverable when every server that is up says so: peers may be registered with only one of them. */
export class Undelivered {
  readonly #deniedBy = new Map<PublicKey, Set<string>>();

  published(to: PublicKey): void {
    this.#deniedBy.delete(to);
  }

  /** @returns true when, with `url`, all of `upUrls` have denied `to`. */
  denied(to: PublicKey, url: string, upUrls: readonly string[]): boolean {
    const deniedBy = this.#deniedBy.get(to) ?? new Set();
    deniedBy.add(url);
    this.#deniedBy.delete(to);
    if (upUrls.every((up) => deniedBy.has(up))) return true;
    this.#deniedBy.set(to, deniedBy);
    for (const oldest of this.#deniedBy.keys()) {
      if (this.#deniedBy.size <= MAX_RECIPIENTS) break;
      this.#deniedBy.delete(oldest);
    }
    return false;
  }
}
