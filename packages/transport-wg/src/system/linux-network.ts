import { existsSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { CodedError, deniedCapability, parseCidr, type Cidr, type Logger } from '@wirepath/core/plugin';
import { parseAllowedIp } from '../protocol/allowed-ips.js';
import { iproute2, type IpCommand, type IpFailure } from './ip-command.js';
import { EndpointCover } from './endpoint-cover.js';
import {
  isPolicyRouted,
  planExceptions,
  planRange,
  RULE_BLOCK_SIZE,
  type RoutingEntry,
  type RoutingFrame,
} from './routing-plan.js';

const FIRST_PRIORITY = 10_000;
const PRIORITY_BLOCKS = 64;
/** Ranges that one batch changes: putting it together must not hold up packets. */
const RANGES_PER_BATCH = 1000;
/** Failures of one batch that are told in full. */
const FAILURES_TOLD = 5;

export interface LinuxNetworkOptions {
  readonly interfaceName: string;
  readonly logger: Logger;
  /** Mark of our own datagrams, and number of our routing table. */
  readonly mark: number;
  /** @default iproute2 of this system */
  readonly ip?: IpCommand;
}

interface ListedRule {
  readonly priority?: number;
  readonly table?: string;
}

/**
 * Addresses, link state, routes and rules of our interface, through `ip -batch`. Only ranges that have changed are looked
 * at, however many there are; all changes of one turn go in one batch, one batch after another; the kernel itself removes addresses and routes with the interface, rules we remove.
 */
export class LinuxNetwork {
  readonly #interfaceName: string;
  readonly #logger: Logger;
  readonly #mark: number;
  readonly #ip: IpCommand;
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
  readonly #tcpEndpoints = new Map<string, { ip: string; port: number }>();
  #connected: readonly Cidr[] = [];
  #listenPort = 0;
  #priority = 0;
  #routing = false;
  #closed = false;
  #applying: Promise<void> = Promise.resolve();
  #scheduled = false;

  constructor({ interfaceName, logger, mark, ip = iproute2 }: LinuxNetworkOptions) {
    this.#interfaceName = interfaceName;
    this.#logger = logger;
    this.#mark = mark;
    this.#ip = ip;
  }

  /**
   * Gives the interface its addresses and MTU, and brings it up: from then on packets between these addresses pass.
   * @throws CodedError NETWORK_CONFIG, PERMISSION_DENIED.
   */
  async bringUp({ addresses, mtu }: { addresses: readonly string[]; mtu: number }): Promise<void> {
    this.#connected = addresses.flatMap((text) => parseCidr(text) ?? []);
    const device = this.#interfaceName;
    const commands = [
      // WireGuard's own interfaces have no link-local address either: no router solicitations into the tunnel.
      ...(existsSync('/proc/sys/net/ipv6') ? [`link set dev ${device} addrgenmode none`] : []),
      `link set dev ${device} mtu ${mtu}`,
      ...addresses.map((address) => `address replace ${address} dev ${device}`),
      `link set dev ${device} up`,
    ];
    const failures = await this.#ip.batch(0, commands);
    const fatal = failures.find(({ command }) => !command.includes('addrgenmode'));
    if (fatal) throw networkError(fatal, device);
  }

  /**
   * Routes what {@link setAllowedIps} says, from now on; once the interface is up.
   * @throws CodedError NETWORK_CONFIG.
   */
  async startRouting({ listenPort }: { listenPort: number }): Promise<void> {
    this.#listenPort = listenPort;
    await this.#claimPriorities(await this.#listRules());
    this.#routing = true;
    await this.#apply();
  }

  /** All of it: addresses, link and routes. @throws CodedError NETWORK_CONFIG, PERMISSION_DENIED. */
  async configure(options: { addresses: readonly string[]; mtu: number; listenPort: number }): Promise<void> {
    await this.bringUp(options);
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

  /** We send datagrams to this IP address: no route of ours may catch them. */
  addEndpoint(ip: string): void {
    for (const text of this.#cover.addEndpoint(ip)) {
      if (this.#holdsEndpoint.has(text)) continue;
      this.#holdsEndpoint.add(text);
      this.#changed.add(text);
      this.#schedule();
    }
  }

  /** A TCP connection of ours to this endpoint stays outside the tunnel until disposed of. */
  addTcpEndpoint(ip: string, port: number): Disposable {
    const key = `${ip} ${port}`;
    this.#tcpEndpoints.set(key, { ip, port });
    this.addEndpoint(ip);
    this.#schedule();
    return {
      [Symbol.dispose]: () => {
        if (this.#tcpEndpoints.delete(key)) this.#schedule();
      },
    };
  }

  /** Waits for changes under way. */
  async settled(): Promise<void> {
    await this.#applying;
  }

  /** Removes the rules. Addresses and routes go with the interface. Idempotent; never throws. */
  async close(): Promise<void> {
    if (this.#closed) return this.#applying;
    this.#closed = true;
    this.#applying = this.#applying.then(async () => {
      const all = [...this.#exceptions, ...[...this.#installed.values()].flatMap(({ entries }) => entries)];
      const rules = all.filter(({ object }) => object === 'rule');
      this.#installed.clear();
      await this.#change('del', rules.reverse()).catch((error: unknown) => {
        this.#logger.warn('rules were left behind', { error: String(error) });
      });
    });
    await this.#applying;
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
      interfaceName: this.#interfaceName,
      connected: this.#connected,
      table: this.#mark,
      mark: this.#mark,
      priority: this.#priority,
      listenPort: this.#listenPort,
    };
    do {
      const texts = [...firstOf(this.#changed, RANGES_PER_BATCH)];
      const ranges = texts.map((text) => this.#takeChange(text, frame));
      const families = ([4, 6] as const).filter((family) => this.#policyRanges[family] > 0);
      const exceptions = planExceptions(families, this.#tcpEndpoints.values(), frame);
      const changes = [difference(this.#exceptions, exceptions), ...ranges];
      this.#exceptions = exceptions;
      // A range that changes tables must leave main only when its rules are there.
      const failures = await this.#change(
        'add',
        changes.flatMap(({ added }) => added),
      );
      const removed = changes.flatMap(({ removed: gone }) => gone);
      failures.push(...(await this.#change('del', removed.reverse())));
      this.#tellFailures(failures);
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

  #tellFailures(failures: readonly IpFailure[]): void {
    for (const { command, reason } of failures.slice(0, FAILURES_TOLD)) {
      this.#logger.warn('a route or rule could not be changed', { command: `ip ${command}`, reason });
    }
    const more = failures.length - FAILURES_TOLD;
    if (more > 0) this.#logger.warn('more routes or rules could not be changed', { count: more });
  }

  async #change(verb: 'add' | 'del', entries: readonly RoutingEntry[]): Promise<IpFailure[]> {
    const failures: IpFailure[] = [];
    const families = verb === 'add' ? ([0, 4, 6] as const) : ([4, 6, 0] as const);
    for (const family of families) {
      const commands = entries
        .filter((entry) => entry.family === family)
        .map(({ object, spec }) => `${object} ${verb} ${spec}`);
      failures.push(...(await this.#ip.batch(family, commands)));
    }
    return failures;
  }

  async #listRules(): Promise<Map<4 | 6, ListedRule[]>> {
    const [v4, v6] = await Promise.all([this.#ip.query(['-4', 'rule']), this.#ip.query(['-6', 'rule'])]);
    const listed = (value: unknown) => (Array.isArray(value) ? (value as ListedRule[]) : []);
    return new Map([
      [4, listed(v4)],
      [6, listed(v6)],
    ]);
  }

  /** Finds our block of rule priorities, and removes the rules that a run which crashed left in it. */
  async #claimPriorities(rules: ReadonlyMap<4 | 6, ListedRule[]>): Promise<void> {
    const start = crc32(this.#interfaceName);
    for (let i = 0; i < PRIORITY_BLOCKS; i++) {
      this.#priority = FIRST_PRIORITY + RULE_BLOCK_SIZE * ((start + i) % PRIORITY_BLOCKS);
      const inBlock = ({ priority = 0 }: ListedRule) =>
        priority >= this.#priority && priority < this.#priority + RULE_BLOCK_SIZE;
      const foreign = ({ table }: ListedRule) =>
        table !== undefined && table !== 'main' && table !== String(this.#mark);
      if ([...rules.values()].some((list) => list.some((rule) => inBlock(rule) && foreign(rule)))) continue;
      for (const [family, list] of rules) {
        const leftOver = list.filter(inBlock).map(({ priority }) => `rule del priority ${priority}`);
        if (leftOver.length > 0)
          this.#logger.info('removing rules of an earlier run', { family, count: leftOver.length });
        await this.#ip.batch(family, leftOver);
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
  const lacks = (list: readonly RoutingEntry[], { object, family, spec }: RoutingEntry) =>
    !list.some((other) => other.spec === spec && other.object === object && other.family === family);
  return {
    added: wanted.filter((entry) => lacks(before, entry)),
    removed: before.filter((entry) => lacks(wanted, entry)),
  };
}

function isRuled(entries: readonly RoutingEntry[]): boolean {
  return entries.some(({ object }) => object === 'rule');
}

function* firstOf<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if (left-- === 0) return;
    yield item;
  }
}

function networkError({ command, reason }: IpFailure, subject: string): CodedError {
  const message = `\`ip ${command}\`: ${reason}`;
  if (/not permitted/i.test(reason)) {
    const { advice } = deniedCapability('CAP_NET_ADMIN', 'EPERM');
    return new CodedError('PERMISSION_DENIED', `${message}: CAP_NET_ADMIN is missing`, { subject, advice });
  }
  // EACCES is what the kernel answers to an IPv6 address or route where IPv6 is switched off: rights do not cure it.
  if (/permission denied/i.test(reason)) {
    const ipv6 = command.split(' ').some((word) => word.includes(':'));
    const advice = ipv6
      ? 'IPv6 is switched off for this interface: `sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0`, or leave its IPv6 addresses out.'
      : deniedCapability('CAP_NET_ADMIN', 'EACCES').advice;
    return new CodedError(ipv6 ? 'NETWORK_CONFIG' : 'PERMISSION_DENIED', message, { subject, advice });
  }
  return new CodedError('NETWORK_CONFIG', message, { subject });
}

/** The mark and table of an interface when none is configured: the same in every run, so left-overs are recognised. */
export function defaultMark(interfaceName: string): number {
  return 0x77700000 + (crc32(interfaceName) & 0xffff);
}
