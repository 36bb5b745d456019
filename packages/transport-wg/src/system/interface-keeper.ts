import { CodedError, Sightings, type Clock, type Guard, type Logger } from '@wirepath/core/plugin';
import {
  isFailure,
  removeRuleAt,
  type IpFamily,
  type Link,
  type NetlinkFailure,
  type NetlinkMessage,
  type NetlinkOutcome,
  type NetlinkRequest,
  type RoutingRule,
} from '@wirepath/linux';
import { concerns } from './concerns.js';
import { KernelState, type Netlink } from './kernel.js';
import { LinkKeeper } from './link-keeper.js';
import { ipv6Off, networkError } from './network-error.js';
import { ownProblems } from './own-problems.js';
import { additionOf, entryFamily, entryKey, entryText, removalOf, type RoutingEntry } from './routing-entry.js';
import { lookAt } from './look.js';
import { Undoings } from './undoings.js';

/** A storm of notifications is answered so often at most. */
const LOOK_GAP_MS = 50;
/** What the kernel may change without telling, and what is not as it should be. */
const LOOK_MS = 30_000;
const LOOK_AGAIN_MS = 1000;
const LOOK_AGAIN_MAX_MS = 8000;
/** Requests in one go: the event loop has packets to see to. */
const RESTORED_AT_ONCE = 512;
const ASKED_AT_ONCE = 256;
const DEVICE = 'the interface itself';

interface Kept {
  readonly entry: RoutingEntry;
  isSet: boolean;
  failure?: NetlinkFailure | undefined;
  holder?: string | undefined;
}

export interface InterfaceKeeperOptions {
  readonly interfaceName: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly netlink: () => Netlink;
}

/**
 * Keeps an interface as it was set up: up, with its name, MTU and addresses, its routes and its rules. What the kernel has is
 * compared with it at every notification that can concern it, and put back at once; what others add is left alone.
 */
export class InterfaceKeeper {
  readonly #options: InterfaceKeeperOptions;
  readonly #undoings = new Undoings<string>();
  readonly #links = new LinkKeeper(this.#undoings);
  readonly #restored: Sightings;
  readonly #kept = new Map<string, Kept>();
  #netlink: Netlink | undefined;
  #kernel: KernelState | undefined;
  #watch: Disposable | undefined;
  #link: Link | undefined;
  #mtu = 0;
  #gone: string | undefined;
  #before: readonly RoutingRule[] = [];
  /** The device is being made anew: no other of its name is ours. */
  #awaitsDevice = false;
  #timer: { readonly dueAt: number; readonly handle: Disposable } | undefined;
  #lookedAt = -Infinity;
  #lookMs = LOOK_AGAIN_MS;
  #closed = false;

  constructor(options: InterfaceKeeperOptions) {
    this.#options = options;
    this.#restored = new Sightings(options.clock);
  }

  /**
   * Sets the interface up. Without IPv6 it goes on without IPv6 addresses, unless it has no others.
   * @returns the addresses that were not there before.
   * @throws CodedError NETWORK_CONFIG, PERMISSION_DENIED, INTERFACE_NOT_FOUND.
   */
  open({ mtu, addresses }: { mtu: number; addresses: readonly RoutingEntry[] }): RoutingEntry[] {
    const { interfaceName, netlink } = this.#options;
    this.#netlink = netlink();
    this.#kernel = new KernelState(this.#netlink);
    this.#mtu = mtu;
    for (const entry of addresses) this.#kept.set(entryKey(entry), { entry, isSet: false });
    this.#listen();
    const link = this.#kernel.link(interfaceName);
    if (link === undefined) throw new CodedError('INTERFACE_NOT_FOUND', undefined, { subject: interfaceName });
    const before = lookAt(this.#kernel, link.index, addresses);
    this.#look();
    for (const { what, failure } of this.#refusals()) throw networkError(what, failure, interfaceName);
    if (addresses.length > 0 && addresses.every((entry) => this.#isBlocked(entry))) {
      throw ipv6Off(interfaceName, `${interfaceName} has IPv6 addresses only, and IPv6 is switched off`);
    }
    this.#lookIn(LOOK_AGAIN_MS);
    return addresses.filter((entry) => !before.keys.has(entryKey(entry)));
  }

  /** Rules of this family as the kernel has them. */
  rules(family: IpFamily): RoutingRule[] {
    return this.#kernel?.rules(family) ?? [];
  }

  removeRulesAt(family: IpFamily, priorities: readonly number[]): void {
    this.#netlink?.exchange(priorities.map((priority) => removeRuleAt(family, priority)));
  }

  /**
   * The entries to have from now on, in this order; then those to have no longer.
   * @returns those that the kernel has refused: problems, and tried again.
   */
  change(
    added: readonly RoutingEntry[],
    removed: readonly RoutingEntry[],
  ): { what: string; failure: NetlinkFailure }[] {
    const fresh = added.map((entry): Kept => ({ entry, isSet: false }));
    for (const kept of fresh) this.#kept.set(entryKey(kept.entry), kept);
    this.#put(fresh);
    this.#remove(removed);
    if (fresh.some(({ isSet }) => !isSet)) this.#lookIn(LOOK_AGAIN_MS);
    return fresh.flatMap(({ entry, failure }) => (failure ? [{ what: this.#text(entry), failure }] : []));
  }

  /** Our device was deleted. @returns in how many ms it may be made anew. */
  deviceLost(): number {
    const { clock, interfaceName } = this.#options;
    const now = clock.now();
    this.#awaitsDevice = true;
    this.#forgetLink(`${interfaceName} was deleted by another program and is being made anew`);
    this.#undoings.undone(DEVICE, now);
    return this.#undoings.mayRestore(DEVICE, now) ? 0 : (this.#undoings.nextTimeout(now) ?? now) - now;
  }

  /** It cannot be made. @param reason in words, with the cure. */
  deviceRefused(reason: string): void {
    const { interfaceName } = this.#options;
    this.#gone = `${interfaceName} was deleted by another program and cannot be made anew, so nothing passes; it is tried again until it can: ${reason}`;
  }

  /** It is made: everything is put onto it. */
  deviceMade(): void {
    this.#awaitsDevice = false;
    this.#lookSafely();
    this.#tell([DEVICE]);
  }

  problems(): string[] {
    const { interfaceName, clock } = this.#options;
    const now = clock.now();
    const fights = this.#undoings.fights(now);
    const all = [...this.#kept.values()];
    const blocked = all.some(({ entry }) => this.#isBlocked(entry));
    const troubles = {
      interfaceName,
      gone: this.#gone,
      ipv6: blocked ? (this.#link?.ipv6 ?? 'on') : 'on',
      mtu: this.#link?.mtu ?? this.#mtu,
      refused: all.filter((kept): kept is Kept & { failure: NetlinkFailure } => kept.failure !== undefined),
      linkRefused: this.#links.refused,
      fights,
      now,
      before: this.#before,
    };
    return [...ownProblems(troubles), ...(fights.length > 0 ? [] : this.#restored.problems())];
  }

  /** Ends it, and removes these; what else is on the interface goes with it. Idempotent. */
  close(removed: readonly RoutingEntry[]): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.handle[Symbol.dispose]();
    this.#watch?.[Symbol.dispose]();
    try {
      this.#remove(removed);
    } finally {
      this.#netlink?.[Symbol.dispose]();
    }
  }

  /** All that it keeps, in the order in which it was added. */
  entries(): RoutingEntry[] {
    return [...this.#kept.values()].map(({ entry }) => entry);
  }

  #listen(): void {
    const { guard, logger } = this.#options;
    try {
      this.#watch = this.#netlink?.watch({
        onMessages: guard.wrap('netlink', (messages: readonly NetlinkMessage[]) => this.#notified(messages)),
        onLost: guard.wrap('netlink', (error: Error) => {
          // Messages came faster than they were read (ENOBUFS): what they said is found by looking.
          logger.debug('netlink is opened again', { error: error.message });
          this.#watch?.[Symbol.dispose]();
          this.#watch = undefined;
          this.#lookIn(LOOK_GAP_MS);
        }),
      });
    } catch (error) {
      logger.warn('the kernel does not tell of changes, so it is asked every few seconds', { error: String(error) });
    }
  }

  #notified(messages: readonly NetlinkMessage[]): void {
    // A look that is due anyway will see it.
    if (this.#closed || (this.#timer && this.#timer.dueAt <= this.#options.clock.now() + 1)) return;
    const rules = [...this.#kept.values()].flatMap(({ entry }) => (entry.kind === 'rule' ? entry.rule.priority : []));
    const ours = {
      link: this.#link?.index,
      interfaceName: this.#options.interfaceName,
      portId: this.#netlink?.portId ?? 0,
      has: (key: string) => this.#kept.has(key),
      lastPriority: rules.length === 0 ? undefined : rules.reduce((last, one) => Math.max(last, one)),
    };
    if (!messages.some((message) => concerns(message, ours))) return;
    this.#lookMs = LOOK_AGAIN_MS / 2;
    this.#lookIn(Math.max(0, this.#lookedAt + LOOK_GAP_MS - this.#options.clock.now()));
  }

  #lookIn(delayMs: number): void {
    const { clock } = this.#options;
    const dueAt = clock.now() + delayMs;
    if (this.#closed || (this.#timer && this.#timer.dueAt <= dueAt)) return;
    this.#timer?.handle[Symbol.dispose]();
    const look = () => {
      this.#timer = undefined;
      this.#lookSafely();
    };
    this.#timer = { dueAt, handle: clock.setTimeout(look, Math.max(1, Math.ceil(delayMs))) };
  }

  #lookSafely(): void {
    const { clock, interfaceName } = this.#options;
    if (this.#closed || this.#netlink === undefined) return;
    if (this.#watch === undefined) this.#listen();
    try {
      this.#look();
    } catch (error) {
      this.#gone = `${interfaceName} cannot be looked after: ${error instanceof Error ? error.message : String(error)}`;
    }
    const now = clock.now();
    const whole = this.#watch && this.#gone === undefined && [...this.#kept.values()].every(({ isSet }) => isSet);
    this.#lookMs = whole ? LOOK_MS : Math.min(this.#lookMs * 2, LOOK_AGAIN_MAX_MS);
    this.#lookIn(Math.min(this.#lookMs, (this.#undoings.nextTimeout(now) ?? Infinity) - now));
  }

  /** Compares all that is ours with what the kernel has, and puts back what is not there. */
  #look(): void {
    const { interfaceName, clock } = this.#options;
    const kernel = this.#kernel;
    if (kernel === undefined || this.#netlink === undefined || this.#awaitsDevice) return;
    const now = clock.now();
    this.#lookedAt = now;
    let link = (this.#link && kernel.link(this.#link.index)) ?? kernel.link(interfaceName);
    if (link === undefined) {
      this.#forgetLink(
        `${interfaceName} is not in this network namespace: it was deleted, or moved to another one, where its addresses and routes are yours to set; when it comes back it is set up again`,
      );
      return;
    }
    this.#gone = undefined;
    const { restored, changed } = this.#links.keep(link, { name: interfaceName, mtu: this.#mtu }, this.#netlink, now);
    if (changed) link = kernel.link(link.index) ?? link;
    this.#link = link;
    this.#tell([...restored, ...this.#keepEntries(kernel, link, now)]);
  }

  /** @returns what was undone by somebody and is there again, in words. */
  #keepEntries(kernel: KernelState, link: Link, now: number): string[] {
    const { keys, before } = lookAt(kernel, link.index, this.entries());
    this.#before = before;
    const lost: Kept[] = [];
    const missing: Kept[] = [];
    for (const [key, kept] of this.#kept) {
      if (keys.has(key)) Object.assign(kept, { isSet: true, failure: undefined, holder: undefined });
      else {
        // What IPv6 took along when it was switched off, nobody has undone; nor what a link has not that is kept down.
        if (kept.isSet && !this.#isBlocked(kept.entry) && link.up) lost.push(kept);
        kept.isSet = false;
        missing.push(kept);
      }
    }
    for (const { entry } of lost) this.#undoings.undone(this.#text(entry), now);
    const due = missing.filter(({ entry }) => this.#undoings.mayRestore(this.#text(entry), now));
    due.sort((a, b) => rank(a.entry) - rank(b.entry));
    this.#put(due.slice(0, RESTORED_AT_ONCE));
    if (due.length > RESTORED_AT_ONCE) this.#lookIn(1);
    return lost.filter(({ isSet }) => isSet).map(({ entry }) => this.#text(entry));
  }

  #put(kept: readonly Kept[]): void {
    const link = this.#link;
    if (link === undefined) return;
    const sent = kept.filter(({ entry }) => !this.#isBlocked(entry) && (link.up || entry.kind !== 'route'));
    const outcomes = this.#ask(sent.map(({ entry }) => additionOf(entry, link.index)));
    let own: ReadonlySet<string> | undefined;
    for (const [i, one] of sent.entries()) {
      const outcome: NetlinkOutcome = outcomes[i] ?? 'unanswered';
      one.failure = one.holder = undefined;
      one.isSet = outcome === 'done';
      if (!isFailure(outcome)) continue;
      const { entry } = one;
      if (outcome.code === 'EEXIST' && this.#kernel) {
        // A device that somebody else set up may have it already; else the network is another interface's.
        own ??= lookAt(
          this.#kernel,
          link.index,
          sent.map((other) => other.entry),
        ).keys;
        one.isSet = own.has(entryKey(entry));
        if (!one.isSet && entry.kind === 'route') one.holder = this.#kernel.holderOf(entry.prefix);
      }
      if (!one.isSet) one.failure = outcome;
    }
  }

  /** In datagrams that the kernel takes. */
  #ask(requests: readonly NetlinkRequest[]): NetlinkOutcome[] {
    const outcomes: NetlinkOutcome[] = [];
    for (let at = 0; at < requests.length; at += ASKED_AT_ONCE) {
      outcomes.push(...(this.#netlink?.exchange(requests.slice(at, at + ASKED_AT_ONCE)) ?? []));
    }
    return outcomes;
  }

  #remove(entries: readonly RoutingEntry[]): void {
    const index = this.#link?.index ?? 0;
    const set = entries.filter((entry) => this.#kept.get(entryKey(entry))?.isSet);
    for (const entry of entries) this.#kept.delete(entryKey(entry));
    // Somebody may have removed it before us.
    this.#ask(set.map((entry) => removalOf(entry, index)));
  }

  #forgetLink(reason: string): void {
    this.#gone = reason;
    this.#link = undefined;
    this.#links.forget();
    // Rules stay without the interface.
    for (const kept of this.#kept.values()) kept.isSet &&= kept.entry.kind === 'rule';
  }

  #tell(restored: readonly string[]): void {
    const [first, ...others] = restored;
    if (first === undefined) return;
    const { interfaceName, logger } = this.#options;
    const what = others.length === 0 ? first : `${first} and ${others.length} more`;
    logger.warn('another program has undone what was set up; it is put back', { what });
    // One sentence for each kind of thing: `route`, `the MTU of wp0`.
    const kind = first.startsWith('the ') ? first : first.slice(0, first.indexOf(' '));
    this.#restored.see(
      kind,
      () =>
        `${interfaceName}: another program has removed or changed ${what}; it was put back: find what manages ${interfaceName} besides wirepath`,
    );
  }

  /** What the kernel refuses, in words. */
  #refusals(): { what: string; failure: NetlinkFailure }[] {
    const entries = [...this.#kept.values()].flatMap(({ entry, failure }) =>
      failure ? [{ what: this.#text(entry), failure }] : [],
    );
    return [...this.#links.refused, ...entries];
  }

  /** IPv6 where there is none for this interface. Rules are not the interface's. */
  #isBlocked(entry: RoutingEntry): boolean {
    const ipv6 = this.#link?.ipv6 ?? 'on';
    return entryFamily(entry) === 6 && (entry.kind === 'rule' ? ipv6 === 'absent' : ipv6 !== 'on');
  }

  #text(entry: RoutingEntry): string {
    return entryText(entry, this.#options.interfaceName);
  }
}

/** Addresses first, for routes may need them; then routes; then the rules that lead to them, our own datagrams' exceptions first. */
function rank(entry: RoutingEntry): number {
  if (entry.kind !== 'rule') return entry.kind === 'address' ? 0 : 1;
  return typeof entry.rule.action === 'object' && 'lookup' in entry.rule.action ? 3 : 2;
}
