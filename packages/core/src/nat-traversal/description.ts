import { formatAddress } from '@wirepath/stun-codec';
import type { LocalDescription } from '../traversal/events.js';

/** Notices what is new in this node's description, and whether it is only more, or another network. */
export class DescriptionHistory {
  #text: string | undefined;
  #addresses: ReadonlySet<string> = new Set();

  /** @returns undefined when nothing changed. */
  next(description: LocalDescription): { readonly newGeneration: boolean } | undefined {
    const text = JSON.stringify(description);
    if (text === this.#text) return undefined;
    this.#text = text;
    // The loss of an allocation is no change of network: nothing that was proven directly is touched by it.
    const addresses = new Set(
      description.candidates.filter(({ type }) => type !== 'relayed').map(({ address }) => formatAddress(address)),
    );
    const newGeneration = [...this.#addresses].some((address) => !addresses.has(address));
    this.#addresses = addresses;
    return { newGeneration };
  }
}
