import type { StunError } from './allocate-request.js';

/** To who asks for an allocation meanwhile: it is not the server's room that is at its end. */
export const DRAINING: StunError = { code: 508, reason: 'Shutting Down' };

/** The server's end is near: when it is, and who waits for the last allocation to have gone. */
export class Drain {
  #endsAtMs: number | undefined;
  #resolve: () => void = () => undefined;

  get isOn(): boolean {
    return this.#endsAtMs !== undefined;
  }

  /** @returns resolves with {@link done}. */
  begin(endsAtMs: number): Promise<void> {
    this.#endsAtMs = endsAtMs;
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Nobody is left. */
  done(): void {
    this.#resolve();
  }

  /** A lifetime as it may be granted now; never 0, which would tell the client that its allocation is gone. */
  atMost(lifetimeSeconds: number, nowMs: number): number {
    if (this.#endsAtMs === undefined) return lifetimeSeconds;
    return Math.max(1, Math.min(lifetimeSeconds, Math.floor((this.#endsAtMs - nowMs) / 1000)));
  }
}
