import type { TransportAddress } from '@wirepath/stun-codec';
import { candidatePriority, type CandidateType } from '../../contracts/candidate.js';
import type { EnginePath, LocalBase } from '../engine-path.js';
import type { World } from '../world.js';
import type { CandidatePair } from './candidate-pair.js';
import type { Checklist } from './checklist.js';
import { whyRefused } from './refused-address.js';
import type { RemoteCandidate } from './remote-candidates.js';

export interface PairFormingNeeds {
  readonly checklist: Checklist;
  readonly loops: { why(base: LocalBase | undefined, remote: TransportAddress): string | undefined };
}

/** Which pairs there are with one peer: formed of what both ends offer, and of where the peer was heard. */
export class PairForming {
  readonly #needs: PairFormingNeeds;

  constructor(needs: PairFormingNeeds) {
    this.#needs = needs;
  }

  /**
   * After a change at either end.
   * @param inUse carries the traffic.
   * @returns the pairs that are no more.
   */
  form(world: World, inUse: CandidatePair | undefined): CandidatePair[] {
    return this.#needs.checklist.form(
      world.local.bases,
      inUse,
      (remote) => refusal(remote, world),
      (base, remote) => this.#needs.loops.why(base, remote),
    );
  }

  /**
   * Takes up where the peer was heard, at an address that is of no pair yet. {@link form} is to follow, and makes a pair of it
   * unless there are too many, or the address is refused.
   * @param check that came in, where it was one.
   * @returns false where the base is gone.
   */
  heardAt(
    path: EnginePath,
    check: { readonly candidateType: CandidateType; readonly priority: number } | undefined,
    world: World,
    now: number,
  ): boolean {
    const base = world.local.bases.find(({ id }) => id === path.baseId);
    if (base === undefined) return false;
    // Only a relay makes an unsignalled address more than peer-reflexive: a sender cannot know of its own NAT.
    const type: CandidateType = check?.candidateType === 'relayed' ? 'relayed' : 'peer-reflexive';
    const priority = check?.priority ?? candidatePriority('peer-reflexive', 0);
    this.#needs.checklist.remotes.addPeerReflexive(base, { address: path.remote, type, priority }, now);
    return true;
  }

  /** Why an address must not be sent to from any socket; undefined where it may. */
  refuse(remote: RemoteCandidate, world: World): string | undefined {
    return refusal(remote, world) ?? this.#needs.loops.why(undefined, remote.address);
  }
}

function refusal({ address }: RemoteCandidate, { local, inOwnNetwork }: World): string | undefined {
  return whyRefused(address, { candidates: local.candidates, inOwnNetwork });
}
