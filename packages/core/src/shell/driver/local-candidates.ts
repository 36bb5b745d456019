import { formatAddress, sameAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { Base } from '../../contracts/candidate-base.js';
import { candidatePriority, type Candidate, type GatheredCandidate } from '../../contracts/candidate.js';
import { MAX_SIGNALLED_CANDIDATES, MAX_SIGNALLED_RELAYED, type SignalledCandidate } from '../../engine/messages.js';
import { whyNobodys } from '../../engine/pairs/refused-address.js';
import type { DiscoveredCandidate } from './events.js';

/** This node's candidates: completed, deduplicated and sorted. */
export class LocalCandidates {
  readonly #bySource = new Map<string, readonly Candidate[]>();

  /** @param sharedBaseId of the socket of a family that WireGuard sends from. */
  constructor(readonly sharedBaseId: (family: 4 | 6) => string | undefined) {}

  /** Found while its source goes on. Earlier ones stay until the source is done, so that nothing goes missing meanwhile. */
  add(source: string, found: DiscoveredCandidate): void {
    const candidate = this.#complete(found, source);
    const known = this.#bySource.get(source) ?? [];
    const isIt = (one: Candidate) =>
      one.foundation === candidate.foundation && sameAddress(one.address, candidate.address);
    // In its old place, so that what is found again is no news.
    this.#bySource.set(
      source,
      known.some(isIt) ? known.map((one) => (isIt(one) ? candidate : one)) : [...known, candidate],
    );
  }

  /** All that a source, or what stands for one, has. */
  set(source: string, found: readonly DiscoveredCandidate[]): void {
    this.#bySource.set(
      source,
      found.map((candidate) => this.#complete(candidate, source)),
    );
  }

  /** Highest priority first; one candidate per base and address, the best of its kind. */
  list(): Candidate[] {
    const unique = new Map<string, Candidate>();
    const all = [...this.#bySource.values()].flat().sort((a, b) => b.priority - a.priority);
    for (const candidate of all) {
      const key = `${candidate.type === 'relayed' ? 'relay' : this.#baseId(candidate)}>${formatAddress(candidate.address)}`;
      if (!unique.has(key)) unique.set(key, candidate);
    }
    return [...unique.values()];
  }

  /** Sockets that sources opened for candidates of theirs; each is a base of pairs as long as there is such a candidate. */
  ownBases(): Base[] {
    const unique = new Map<string, Base>();
    for (const { base } of [...this.#bySource.values()].flat()) if (base?.shared === false) unique.set(base.id, base);
    return [...unique.values()];
  }

  /** This node as servers see it, each address once, also where no NAT changes it and it is a host candidate too. */
  reflexive(): TransportAddress[] {
    const unique = new Map<string, TransportAddress>();
    for (const { type, address, forwardedBy } of [...this.#bySource.values()].flat())
      if (type === 'server-reflexive' && forwardedBy === undefined) unique.set(formatAddress(address), address);
    return [...unique.values()];
  }

  /** What gateways forward to this node. */
  forwarded(): { readonly address: TransportAddress; readonly by: string }[] {
    const all = [...this.#bySource.values()].flat();
    return all.flatMap(({ address, forwardedBy: by }) => (by === undefined ? [] : [{ address, by }]));
  }

  /** What peers are told: not more than a message holds, with room for the relayed ones, and nothing that peers refuse. */
  signalled(): SignalledCandidate[] {
    const useful = this.list().filter(
      ({ type, address }) => type !== 'peer-reflexive' && whyNobodys(address) === undefined,
    );
    const all = useful.map(({ type, address, priority }) => ({ type, address, priority }));
    const relayed = all.filter(({ type }) => type === 'relayed').slice(0, MAX_SIGNALLED_RELAYED);
    const others = all.filter(({ type }) => type !== 'relayed');
    return [...others.slice(0, MAX_SIGNALLED_CANDIDATES - relayed.length), ...relayed];
  }

  #complete(candidate: DiscoveredCandidate, source: string): Candidate {
    const localPreference = candidate.localPreference ?? (candidate.address.family === 6 ? 65535 : 65534);
    return {
      ...candidate,
      priority: candidatePriority(candidate.type, localPreference),
      foundation: [candidate.type, this.#baseId(candidate), candidate.server ?? ''].join('/'),
      source,
    };
  }

  /** A candidate without a base belongs to the shared socket of its family. */
  #baseId({ base, address }: GatheredCandidate): string {
    return base?.id ?? this.sharedBaseId(address.family) ?? `udp${address.family}`;
  }
}
