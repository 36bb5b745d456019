import { formatAddress } from '@wirepath/stun-codec';
import type { RelayFraming } from '../../contracts/path.js';
import type { EnginePath } from '../../engine/engine-path.js';

/** What our allocations let in, and how the transport wraps what goes there. One that is released meanwhile leaves nothing. */
export class Permissions {
  /** Of each that is wanted, by allocation and the peer's address; undefined until it is granted. */
  readonly #framings = new Map<string, Map<string, RelayFraming | undefined>>();

  want({ baseId, remote }: EnginePath): void {
    const ofAllocation = this.#framings.get(baseId) ?? new Map<string, RelayFraming | undefined>();
    const key = formatAddress(remote);
    this.#framings.set(baseId, ofAllocation.set(key, ofAllocation.get(key)));
  }

  /** @returns false where it is not wanted any more. */
  grant({ baseId, remote }: EnginePath, framing: RelayFraming): boolean {
    const ofAllocation = this.#framings.get(baseId);
    const key = formatAddress(remote);
    if (ofAllocation?.has(key) !== true) return false;
    ofAllocation.set(key, framing);
    return true;
  }

  release({ baseId, remote }: EnginePath): void {
    this.#framings.get(baseId)?.delete(formatAddress(remote));
  }

  /** The allocation is gone. */
  forget(allocationId: string): void {
    this.#framings.delete(allocationId);
  }

  framing({ baseId, remote }: EnginePath): RelayFraming | undefined {
    return this.#framings.get(baseId)?.get(formatAddress(remote));
  }
}
