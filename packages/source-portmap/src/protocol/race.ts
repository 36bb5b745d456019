import {
  PROTOCOLS,
  type GatewayAnswer,
  type GatewayRequest,
  type Inquiry,
  type Outcome,
  type Protocol,
} from './inquiry.js';

/** How long one that could make a mapping leaves it to a better one that has not answered yet. */
const GRACE_MS: Readonly<Record<Protocol, number>> = { pcp: 0, 'nat-pmp': 250, upnp: 500 };

export type RaceOutcome =
  | Extract<Outcome, { kind: 'mapped' }>
  | { readonly kind: 'failed'; readonly failures: readonly Extract<Outcome, { kind: 'failed' }>[] };

/**
 * All protocols at once: the first mapping is kept. Only what asks without making anything is asked beside each other, but
 * for PCP, which undoes exactly its own: so a gateway that speaks several makes one mapping.
 */
export class Race {
  readonly #inquiries: readonly Inquiry[];
  readonly #readyAt = new Map<Inquiry, number>();
  readonly #committed = new Set<Inquiry>();
  #outcome: RaceOutcome | undefined;
  #farewells: GatewayRequest[] = [];

  constructor(inquiries: readonly Inquiry[]) {
    const rank = ({ protocol }: Inquiry) => PROTOCOLS.indexOf(protocol);
    this.#inquiries = [...inquiries].sort((a, b) => rank(a) - rank(b));
    this.#look(0);
  }

  get outcome(): RaceOutcome | undefined {
    return this.#outcome;
  }

  nextTimeout(): number {
    const times = this.#inquiries.map((inquiry) => Math.min(inquiry.nextTimeout(), this.#commitAt(inquiry)));
    return Math.min(Infinity, ...times);
  }

  handleTimeout(now: number): void {
    for (const inquiry of this.#inquiries) inquiry.handleTimeout(now);
    this.#look(now);
  }

  /** @returns whether any protocol knows it for its own. */
  handle(answer: GatewayAnswer, now: number): boolean {
    let known = false;
    for (const inquiry of this.#inquiries) known = inquiry.handle(answer, now) || known;
    this.#look(now);
    return known;
  }

  takeRequests(): GatewayRequest[] {
    const requests = this.#outcome?.kind === 'mapped' ? [] : this.#inquiries.flatMap((one) => one.takeRequests());
    return [...requests, ...this.#farewells.splice(0)];
  }

  /** When one that is ready is let go although better ones may still answer. */
  #commitAt(inquiry: Inquiry): number {
    const readyAt = this.#readyAt.get(inquiry);
    if (readyAt === undefined || this.#committed.has(inquiry) || this.#isBusy(inquiry)) return Infinity;
    return readyAt + GRACE_MS[inquiry.protocol];
  }

  /** Another is making its mapping: what becomes of that is waited for. */
  #isBusy(inquiry: Inquiry): boolean {
    return this.#inquiries.some((one) => one !== inquiry && one.outcome === undefined && this.#committed.has(one));
  }

  #look(now: number): void {
    if (this.#outcome !== undefined) return;
    const winner = this.#inquiries.find(({ outcome }) => outcome?.kind === 'mapped');
    if (winner?.outcome?.kind === 'mapped') return this.#finish(winner, winner.outcome);
    for (const inquiry of this.#inquiries) {
      if (!inquiry.isReady) continue;
      if (!this.#readyAt.has(inquiry)) this.#readyAt.set(inquiry, now);
      if (!this.#isNext(inquiry, now)) continue;
      this.#committed.add(inquiry);
      inquiry.commit(now);
    }
    const failures = this.#inquiries.flatMap(({ outcome }) => (outcome?.kind === 'failed' ? [outcome] : []));
    if (failures.length === this.#inquiries.length) this.#outcome = { kind: 'failed', failures };
  }

  /** Never beside another that is making its mapping; and after those that are better, or their grace. */
  #isNext(inquiry: Inquiry, now: number): boolean {
    if (this.#committed.has(inquiry) || this.#isBusy(inquiry)) return false;
    const better = this.#inquiries.slice(0, this.#inquiries.indexOf(inquiry));
    return better.every(({ outcome }) => outcome !== undefined) || now >= this.#commitAt(inquiry);
  }

  #finish(winner: Inquiry, outcome: Extract<Outcome, { kind: 'mapped' }>): void {
    this.#outcome = outcome;
    for (const inquiry of this.#inquiries) {
      inquiry.takeRequests();
      if (inquiry !== winner) {
        inquiry.abandon();
        this.#farewells.push(...inquiry.takeRequests());
      }
    }
  }
}
