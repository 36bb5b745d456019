import { isIP } from 'node:net';
import type { Cidr } from '@wirepath/core/plugin';
import type { IpFamily } from './ip-command.js';

/** A route or rule as `ip` takes it after `add` and `del`. */
export interface RoutingEntry {
  readonly object: 'route' | 'rule';
  readonly family: IpFamily;
  readonly spec: string;
}

/** What every route and rule of one interface depends on. */
export interface RoutingFrame {
  readonly interfaceName: string;
  /** Networks of the interface's own addresses: the kernel routes them itself. */
  readonly connected: readonly Cidr[];
  /** Routing table of the covering ranges, and the mark of our own datagrams, which must not use it. */
  readonly table: number;
  readonly mark: number;
  /** First of {@link RULE_BLOCK_SIZE} rule priorities. */
  readonly priority: number;
  /** Our UDP port: known by it too, because strict reverse path filtering looks a packet's source up without its mark. */
  readonly listenPort: number;
}

/** The rules of one interface lie in one block: three kinds of exception, two rules per prefix length, the end mark. */
export const RULE_BLOCK_SIZE = 300;
const PREFIX_RULES = 4;
const END = RULE_BLOCK_SIZE - 1;

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
  { interfaceName, connected, table, priority }: RoutingFrame,
): RoutingEntry[] {
  if (!isPolicyRouted(cidr, holdsEndpoint)) {
    const isConnected = connected.some(({ network }) => network === cidr.network);
    return isConnected ? [] : [route(`${cidr.network} dev ${interfaceName}`)];
  }
  const at = priority + PREFIX_RULES + 2 * ((cidr.family === 4 ? 32 : 128) - cidr.prefix);
  const to = cidr.prefix === 0 ? '' : `to ${cidr.network} `;
  return [
    route(`${cidr.network} dev ${interfaceName} table ${table}`),
    rule(cidr.family, `${to}lookup main suppress_prefixlength ${cidr.prefix} priority ${at}`),
    rule(cidr.family, `${to}lookup ${table} priority ${at + 1}`),
  ];
}

/** Whether a range is asked for by rules, and so needs the exceptions of its family. */
export function isPolicyRouted({ prefix }: Cidr, holdsEndpoint: boolean): boolean {
  return prefix === 0 || holdsEndpoint;
}

/** The rules for our own datagrams and connections. They have to be there when the first range's rules take effect. */
export function planExceptions(
  families: Iterable<4 | 6>,
  tcpEndpoints: Iterable<{ readonly ip: string; readonly port: number }>,
  { mark, priority, listenPort }: RoutingFrame,
): RoutingEntry[] {
  const entries: RoutingEntry[] = [];
  const jump = `goto ${priority + END}`;
  for (const family of families) {
    entries.push(rule(family, `nop priority ${priority + END}`));
    entries.push(rule(family, `fwmark ${mark} ${jump} priority ${priority}`));
    entries.push(rule(family, `ipproto udp sport ${listenPort} ${jump} priority ${priority + 1}`));
    for (const { ip, port } of tcpEndpoints) {
      if (isIP(ip) === family)
        entries.push(rule(family, `to ${ip} ipproto tcp dport ${port} ${jump} priority ${priority + 2}`));
    }
  }
  return entries;
}

function route(spec: string): RoutingEntry {
  return { object: 'route', family: 0, spec };
}

function rule(family: 4 | 6, spec: string): RoutingEntry {
  return { object: 'rule', family, spec };
}
