import type { Cidr } from '@wirepath/core/plugin';
import { MAIN_TABLE, type IpPrefix, type RoutingRule } from '@wirepath/linux';
import type { FirewallMark } from './firewall-mark.js';
import type { RoutingEntry } from './routing-entry.js';

/** What every route and rule of one interface depends on. */
export interface RoutingFrame {
  /** Networks of the interface's own addresses: the kernel routes them itself. */
  readonly connected: readonly Cidr[];
  /** Routing table of the covering ranges. */
  readonly table: number;
  /** Of our own datagrams, which must not use it. */
  readonly mark: FirewallMark;
  /** First of {@link RULE_BLOCK_SIZE} rule priorities. */
  readonly priority: number;
  /** Our UDP port: known by it too, because strict reverse path filtering looks a packet's source up without its mark. */
  readonly listenPort: number;
}

/** The rules of one interface lie in one block: two kinds of exception, two rules per prefix length, the end mark. */
export const RULE_BLOCK_SIZE = 300;
const PREFIX_RULES = 4;
const END = RULE_BLOCK_SIZE - 1;
const UDP = 17;

/**
 * The route of one allowed IP range, and its rules.
 *
 * A range that holds none of our endpoints is a plain route in the main table. A range that does (0.0.0.0/0 always) would
 * send our own datagrams into the tunnel that they carry. It goes into a table of its own, in the manner of wg-quick:
 * main is asked first, but only for what is more specific; then our table. Our own datagrams, known by mark or port,
 * jump over this block ({@link planExceptions}) and see the system's rules as if we were not there.
 *
 * @param options.holdsEndpoint an endpoint of ours lies in the range, or did once.
 */
export function planRange(
  cidr: Cidr,
  { holdsEndpoint }: { readonly holdsEndpoint: boolean },
  { connected, table, priority }: RoutingFrame,
): RoutingEntry[] {
  if (!isPolicyRouted(cidr, holdsEndpoint)) {
    const isConnected = connected.some(({ network }) => network === cidr.network);
    return isConnected ? [] : [route(cidr, MAIN_TABLE)];
  }
  const { family, prefix } = cidr;
  const at = priority + PREFIX_RULES + 2 * ((family === 4 ? 32 : 128) - prefix);
  const to = prefix === 0 ? {} : { destination: prefixOf(cidr) };
  return [
    route(cidr, table),
    rule({ family, priority: at, ...to, action: { lookup: MAIN_TABLE }, suppressPrefixLength: prefix }),
    rule({ family, priority: at + 1, ...to, action: { lookup: table } }),
  ];
}

/** Whether a range is asked for by rules, and so needs the exceptions of its family. */
export function isPolicyRouted({ prefix }: Cidr, holdsEndpoint: boolean): boolean {
  return prefix === 0 || holdsEndpoint;
}

/** The rules for our own datagrams and connections, which the mark tells. They have to be there when the first range's rules take effect. */
export function planExceptions(
  families: Iterable<4 | 6>,
  { mark, priority, listenPort }: RoutingFrame,
): RoutingEntry[] {
  const entries: RoutingEntry[] = [];
  const action = { goto: priority + END };
  for (const family of families) {
    entries.push(rule({ family, priority: priority + END, action: 'nop' }));
    entries.push(rule({ family, priority, action, mark }));
    entries.push(rule({ family, priority: priority + 1, action, ipProtocol: UDP, sourcePort: listenPort }));
  }
  return entries;
}

function route(cidr: Cidr, table: number): RoutingEntry {
  return { kind: 'route', prefix: prefixOf(cidr), table };
}

function rule(what: RoutingRule): RoutingEntry {
  return { kind: 'rule', rule: what };
}

function prefixOf({ bytes, prefix }: Cidr): IpPrefix {
  return { bytes, prefix };
}
