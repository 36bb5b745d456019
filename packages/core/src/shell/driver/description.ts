import { formatAddress } from '@wirepath/stun-codec';
import { mapsPerDestination } from '../../contracts/nat-behavior.js';
import type { LocalDescription } from '../../engine/events.js';
import type { SignalledCandidate } from '../../engine/messages.js';

/** Notices what is new in this node's description, and whether it is only more, or another network. */
export class DescriptionHistory {
  #text: string | undefined;
  #candidates: readonly SignalledCandidate[] = [];
  #isForgotten = false;

  /** The next description is of another network, even if it is the same. */
  forget(): void {
    this.#text = undefined;
    this.#isForgotten = true;
  }

  /** @returns undefined when nothing changed. */
  next(description: LocalDescription): { readonly newGeneration: boolean } | undefined {
    const text = JSON.stringify(description);
    if (text === this.#text) return undefined;
    this.#text = text;
    const gone = this.#candidates.filter((candidate) => !isStillThere(candidate, description));
    const newGeneration = gone.length > 0 || this.#isForgotten;
    this.#candidates = description.candidates;
    this.#isForgotten = false;
    return { newGeneration };
  }
}

function isStillThere({ type, address }: SignalledCandidate, { candidates, natBehavior }: LocalDescription): boolean {
  // The loss of an allocation is no change of network: nothing that was proven directly is touched by it.
  if (type === 'relayed') return true;
  const text = formatAddress(address);
  if (candidates.some((one) => one.type !== 'relayed' && formatAddress(one.address) === text)) return true;
  // A NAT that maps per destination gives STUN another port each time it has forgotten it; paths to peers have their own.
  return (
    mapsPerDestination(natBehavior) === true &&
    type === 'server-reflexive' &&
    candidates.some((one) => one.type === type && one.address.ip === address.ip)
  );
}
