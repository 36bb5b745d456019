import type { TransportAddress } from '@wirepath/stun-codec';
import { candidatePriority, type CandidateType } from '../../contracts/candidate.js';
import type { EnginePath, LocalBase } from '../engine-path.js';
import type { LocalDescription } from '../events.js';
import type { CandidatePair } from './candidate-pair.js';
import type { Checklist } from './checklist.js';
import { whyRefused } from './refused-address.js';
import type { RelayPermissions } from './relay-permissions.js';
import type { RemoteCandidate } from './remote-candidates.js';

export interface PairFormingNeeds {
  readonly checklist: Checklist;
  readonly permissions: RelayPermissions;
  readonly around: { readonly local: LocalDescription; inOwnNetwork(address: TransportAddress): boolean };
  /** As the guard against loops has it. */
  whyLoop(base: LocalBase | undefined, remote: TransportAddress): string | undefined;
  /** Carries the traffic. */
  inUse(): CandidatePair | undefined;
}

/** Which pairs there are with one peer: formed of what both ends offer, and of where the peer was heard. */
export class PairForming {
  readonly #needs: PairFormingNeeds;

  constructor(needs: PairFormingNeeds) {
    this.#needs = needs;
  }

  /** After a change at either end. */
  form(): void {
    const { checklist, permissions, around } = this.#needs;
    const gone = checklist.form(
      around.local.bases,
      this.#needs.inUse(),
      (remote) => this.#refuse(remote),
      (base, remote) => this.#needs.whyLoop(base, remote),
    );
    permissions.release(gone);
  }

  /**
   * The pair of a path on which something authenticated came in that is of none yet.
   * @param check that came in, where it was one.
   * @returns undefined where none is made: too many, a refused address, a base that is gone.
   */
  found(
    path: EnginePath,
    now: number,
    check?: { readonly candidateType: CandidateType; readonly priority: number },
  ): CandidatePair | undefined {
    const { checklist, around } = this.#needs;
    const base = around.local.bases.find(({ id }) => id === path.baseId);
    if (base === undefined) return undefined;
    // Only a relay makes an unsignalled address more than peer-reflexive: a sender cannot know of its own NAT.
    const type: CandidateType = check?.candidateType === 'relayed' ? 'relayed' : 'peer-reflexive';
    const priority = check?.priority ?? candidatePriority('peer-reflexive', 0);
    checklist.remotes.addPeerReflexive(base, { address: path.remote, type, priority }, now);
    this.form();
    return checklist.get(path);
  }

  /** Why an address must not be sent to from any socket; undefined where it may. */
  refuse(remote: RemoteCandidate): string | undefined {
    return this.#refuse(remote) ?? this.#needs.whyLoop(undefined, remote.address);
  }

  #refuse({ address }: RemoteCandidate): string | undefined {
    const { around } = this.#needs;
    return whyRefused(address, {
      candidates: around.local.candidates,
      inOwnNetwork: (form) => around.inOwnNetwork(form),
    });
  }
}
