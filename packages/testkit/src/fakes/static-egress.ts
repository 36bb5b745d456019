import type { Egress, PhysicalEgress } from '@wirepath/core';
import { Listeners } from '@wirepath/core/plugin';

/** An egress as a test says it is. Pinning a socket is only noted. */
export class StaticEgress implements Egress {
  readonly #changes = new Listeners<void>();
  #found: readonly PhysicalEgress[];
  /** Interface names that sockets were pinned to, in order. */
  readonly pinnedTo: string[] = [];

  constructor(found: readonly PhysicalEgress[]) {
    this.#found = found;
  }

  /** The network changed. */
  change(found: readonly PhysicalEgress[]): void {
    this.#found = found;
    this.#changes.tell();
  }

  async detect({ signal }: { signal?: AbortSignal } = {}): Promise<PhysicalEgress[]> {
    return signal?.aborted === true ? [] : [...this.#found];
  }

  bindToDevice(_socket: unknown, interfaceName: string): void {
    this.pinnedTo.push(interfaceName);
  }

  watch(onChange: () => void): Disposable {
    return this.#changes.add(onChange);
  }
}
