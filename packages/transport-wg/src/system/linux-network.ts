import { setImmediate as nextTurn } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { CodedError, parseCidr, type Cidr, type Clock, type Guard, type Logger } from '@wirepath/core/plugin';
import { MAIN_TABLE, type NetlinkFailure, type RoutingRule } from '@wirepath/linux';
import { parseAllowedIp } from '../protocol/allowed-ips.js';
import { EndpointCover } from './endpoint-cover.js';
import type { FirewallMark } from './firewall-mark.js';
import { InterfaceKeeper } from './interface-keeper.js';
import { systemNetlink, type Netlink } from './kernel.js';
import { addressEntry, entryKey, type RoutingEntry } from './routing-entry.js';
import { isPolicyRouted, planExceptions, planRange, RULE_BLOCK_SIZE, type RoutingFrame } from './routing-plan.js';

const FIRST_PRIORITY = 10_000;
const PRIORITY_BLOCKS = 64;
/** Ranges that one turn of the event loop changes: packets must not wait for it. */
const RANGES_PER_BATCH = 250;
/** Failures of one batch that are told in full. */
const FAILURES_TOLD = 5;

export interface LinuxNetworkOptions {
  readonly interfaceName: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly guard: Guard;
  /** Of our own datagrams. */
  readonly mark: FirewallMark;
  /** Number of our routing table. */
  readonly table: number;
  /** @default this system's */
  readonly netlink?: () => Netlink;
}

/**
 * Addresses, link state, routes and rules of our interface, set and kept by netlink ({@link InterfaceKeeper}). Only ranges that
 * have changed are looked at, however many there are; all changes of one turn go together. The kernel itself removes
 * addresses and routes with the interface, rules we remove.
 */
export class LinuxNetwork {
  readonly #interfaceName: string;
  readonly #logger: Logger;
  readonly #mark: FirewallMark;
  readonly #table: number;
  readonly #keeper: InterfaceKeeper;
  /** The ranges that are to be routed here, by their text. */
  readonly #ranges = new Map<string, Cidr>();
  /** Those whose entries may not be what they should. */
  readonly #changed = new Set<string>();
  /** Entries in the kernel, of each range that has some. */
  readonly #installed = new Map<string, { readonly cidr: Cidr; readonly entries: readonly RoutingEntry[] }>();
  #exceptions: readonly RoutingEntry[] = [];
  /** Installed ranges that are asked for by rules. */
  readonly #policyRanges = { 4: 0, 6: 0 };
  readonly #cover = new EndpointCover();
  /** Every range in which an endpoint of ours was ever seen. */
  readonly #holdsEndpoint = new Set<string>();
  #connected: readonly Cidr[] = [];
  #listenPort = 0;
  #priority = 0;
  #routing = false;
  #closed = false;
  /** Addresses of the interface that it did not have before us. */
  #added: readonly RoutingEntry[] = [];
  #applying: Promise<void> = Promise.resolve();
  #scheduled = false;

  constructor({ interfaceName, logger, clock, guard, mark, table, netlink = systemNetlink }: LinuxNetworkOptions) {
    this.#interfaceName = interfaceName;
    this.#logger = logger;
    this.#mark = mark;
    this.#table = table;
    this.#keeper = new InterfaceKeeper({ interfaceName, logger, clock, guard, netlink });
  }

  /**
   * Gives the interface its addresses and MTU, and brings it up: from then on packets between these addresses pass.
   * @throws CodedError NETWORK_CONFIG, PERMISSION_DENIED, INTERFACE_NOT_FOUND.
   */
  bringUp({ addresses, mtu }: { addresses: readonly string[]; mtu: number }): void {
    this.#connected = addresses.flatMap((text) => parseCidr(text) ?? []);
    const entries = addresses.flatMap((text) => {
      // A network has no host bits left, and they are what an address is about.
      const bytes = parseCidr(text.split('/')[0] ?? '')?.bytes;
      const prefix = parseCidr(text)?.prefix;
      return bytes === undefined || prefix === undefined ? [] : [addressEntry({ bytes, prefix })];
    });
    this.#added = this.#keeper.open({ mtu, addresses: entries });
  }

  /**
   * Routes what {@link setAllowedIps} says, from now on; once the interface is up.
   * @throws CodedError NETWORK_CONFIG.
   */
  async startRouting({ listenPort }: { listenPort: number }): Promise<void> {
    this.#listenPort = listenPort;
    this.#claimPriorities();
    this.#routing = true;
    await this.#apply();
  }

  /** All of it: addresses, link and routes. @throws CodedError NETWORK_CONFIG, PERMISSION_DENIED, INTERFACE_NOT_FOUND. */
  async configure(options: { addresses: readonly string[]; mtu: number; listenPort: number }): Promise<void> {
    this.bringUp(options);
    await this.startRouting(options);
  }

  /** The ranges to route into the interface; those that are gone are removed. */
  setAllowedIps(cidrs: readonly string[]): void {
    const wanted = new Set(cidrs.flatMap((text) => parseAllowedIp(text)?.network ?? []));
    for (const text of [...this.#ranges.keys()]) if (!wanted.has(text)) this.setRouted(text, false);
    for (const text of wanted) this.setRouted(text, true);
  }

  /** Routes one range into the interface, or does so no longer. */
  setRouted(cidr: string, isRouted: boolean): void {
    const range = parseAllowedIp(cidr);
    if (range === undefined || this.#ranges.has(range.network) === isRouted) return;
    const { network: text } = range;
    if (isRouted) {
      this.#ranges.set(text, range);
      if (this.#cover.addRange(text)) this.#holdsEndpoint.add(text);
    } else {
      this.#ranges.delete(text);
      this.#cover.removeRange(text);
      this.#holdsEndpoint.delete(text);
    }
    this.#changed.add(text);
    this.#schedule();
  }

  /** We send to this IP address: no route of ours may catch it ({@link EndpointCover}). */
  addEndpoint(ip: string): void {
    for (const text of this.#cover.addEndpoint(ip)) {
      if (this.#holdsEndpoint.has(text)) continue;
      this.#holdsEndpoint.add(text);
      this.#changed.add(text);
      this.#schedule();
    }
  }

  /** Waits for changes under way. */
  async settled(): Promise<void> {
    await this.#applying;
  }

  /** The device was deleted by somebody else. @returns in how many ms it may be made anew: more where it is done again and again. */
  deviceLost(): number {
    return this.#keeper.deviceLost();
  }

  /** It cannot be made anew. @param reason in words, with the cure. */
  deviceRefused(reason: string): void {
    this.#keeper.deviceRefused(reason);
  }

  /** It was made anew: everything is put onto it. */
  deviceMade(): void {
    this.#keeper.deviceMade();
  }

  /** What is not as it was set up, in sentences with the cure. */
  problems(): string[] {
    return this.#keeper.problems();
  }

  /**
   * Removes the rules; addresses and routes go with the interface.
   * @param options.staysThere the interface stays, so what we added to it is removed, too.
   * Idempotent; never throws.
   */
  async close({ staysThere = false }: { staysThere?: boolean } = {}): Promise<void> {
    if (this.#closed) return this.#applying;
    this.#closed = true;
    this.#applying = this.#applying.then(() => this.#remove(staysThere));
    await this.#applying;
  }

  /** As {@link close}, at once, whatever is under way: for a process that is ending. */
  closeNow(): void {
    this.#closed = true;
    this.#remove(false);
  }

  #remove(staysThere: boolean): void {
    const added = new Set(this.#added.map(entryKey));
    const removed = this.#keeper.entries().filter((entry) => {
      return entry.kind === 'rule' || (staysThere && (entry.kind === 'route' || added.has(entryKey(entry))));
    });
    try {
      // Rules that lead to us first, then the exceptions from them.
      this.#keeper.close(removed.reverse());
    } catch (error) {
      this.#logger.warn('rules were left behind', { error: String(error) });
    }
  }

  #schedule(): void {
    if (!this.#routing || this.#closed || this.#scheduled) return;
    this.#scheduled = true;
    // Many peers are often added in one turn: one batch for all of them.
    setImmediate(() => {
      this.#scheduled = false;
      this.#apply().catch((error: unknown) => {
        this.#logger.error('routes could not be changed', { error: String(error) });
      });
    });
  }

  #apply(): Promise<void> {
    const turn = this.#applying.then(() => (this.#closed ? undefined : this.#applyNow()));
    this.#applying = turn.catch(() => undefined); // The caller of this turn gets the error; the next turn starts afresh.
    return turn;
  }

  async #applyNow(): Promise<void> {
    const frame: RoutingFrame = {
      connected: this.#connected,
      table: this.#table,
      mark: this.#mark,
      priority: this.#priority,
      listenPort: this.#listenPort,
    };
    do {
      const texts = [...firstOf(this.#changed, RANGES_PER_BATCH)];
      const ranges = texts.map((text) => this.#takeChange(text, frame));
      const families = ([4, 6] as const).filter((family) => this.#policyRanges[family] > 0);
      const exceptions = planExceptions(families, frame);
      const changes = [difference(this.#exceptions, exceptions), ...ranges];
      this.#exceptions = exceptions;
      const added = changes.flatMap((change) => change.added);
      const removed = changes.flatMap((change) => change.removed).reverse();
      // A range that changes tables must leave main only when its rules are there; routes come before what leads to them.
      this.#tellFailures(this.#keeper.change(added.sort(routesFirst), removed.sort(rulesFirst)));
      if (this.#changed.size > 0) await nextTurn();
    } while (this.#changed.size > 0 && !this.#closed);
  }

  /** What has to change for one range; noted as done. */
  #takeChange(text: string, frame: RoutingFrame): Difference {
    this.#changed.delete(text);
    const before = this.#installed.get(text);
    const cidr = this.#ranges.get(text);
    const holdsEndpoint = this.#holdsEndpoint.has(text);
    const entries = cidr === undefined ? [] : planRange(cidr, { holdsEndpoint }, frame);
    if (before !== undefined && isRuled(before.entries)) this.#policyRanges[before.cidr.family] -= 1;
    if (cidr !== undefined && isPolicyRouted(cidr, holdsEndpoint)) this.#policyRanges[cidr.family] += 1;
    if (cidr === undefined) this.#installed.delete(text);
    else this.#installed.set(text, { cidr, entries });
    return difference(before?.entries ?? [], entries);
  }

  #tellFailures(failures: readonly { what: string; failure: NetlinkFailure }[]): void {
    for (const { what, failure } of failures.slice(0, FAILURES_TOLD)) {
      this.#logger.warn('a route or rule could not be set', { what, reason: failure.reason });
    }
    const more = failures.length - FAILURES_TOLD;
    if (more > 0) this.#logger.warn('more routes or rules could not be set', { count: more });
  }

  /** Finds our block of rule priorities, and removes the rules that a run which crashed left in it. */
  #claimPriorities(): void {
    const rules = ([4, 6] as const).map((family) => ({ family, list: this.#keeper.rules(family) }));
    const start = crc32(this.#interfaceName);
    for (let i = 0; i < PRIORITY_BLOCKS; i++) {
      this.#priority = FIRST_PRIORITY + RULE_BLOCK_SIZE * ((start + i) % PRIORITY_BLOCKS);
      const inBlock = ({ priority }: RoutingRule) =>
        priority >= this.#priority && priority < this.#priority + RULE_BLOCK_SIZE;
      const isForeign = ({ action }: RoutingRule) =>
        typeof action === 'object' && 'lookup' in action && ![MAIN_TABLE, this.#table].includes(action.lookup);
      if (rules.some(({ list }) => list.some((rule) => inBlock(rule) && isForeign(rule)))) continue;
      for (const { family, list } of rules) {
        const leftOver = list.filter(inBlock).map(({ priority }) => priority);
        if (leftOver.length === 0) continue;
        this.#logger.info('removing rules of an earlier run', { family, count: leftOver.length });
        this.#keeper.removeRulesAt(family, leftOver);
      }
      return;
    }
    throw new CodedError('NETWORK_CONFIG', 'no free block of routing rule priorities', {
      subject: this.#interfaceName,
    });
  }
}

interface Difference {
  readonly added: readonly RoutingEntry[];
  readonly removed: readonly RoutingEntry[];
}

function difference(before: readonly RoutingEntry[], wanted: readonly RoutingEntry[]): Difference {
  const without = (list: readonly RoutingEntry[], others: readonly RoutingEntry[]) => {
    const keys = new Set(others.map(entryKey));
    return list.filter((entry) => !keys.has(entryKey(entry)));
  };
  return { added: without(wanted, before), removed: without(before, wanted) };
}

/** Stable, so that exceptions stay before what they are exceptions from. */
function routesFirst(a: RoutingEntry, b: RoutingEntry): number {
  return Number(a.kind === 'rule') - Number(b.kind === 'rule');
}

function rulesFirst(a: RoutingEntry, b: RoutingEntry): number {
  return routesFirst(b, a);
}

function isRuled(entries: readonly RoutingEntry[]): boolean {
  return entries.some(({ kind }) => kind === 'rule');
}

function* firstOf<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if (left-- === 0) return;
    yield item;
  }
}
