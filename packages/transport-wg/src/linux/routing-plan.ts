import { isIP } from 'node:net';
import { cidrContains, type Cidr } from './cidr.js';
import type { IpFamily } from './ip-command.js';

/** A route or rule as `ip` takes it after `add` and `del`. */
export interface RoutingEntry {
  readonly object: 'route' | 'rule';
  readonly family: IpFamily;
  readonly spec: string;
}

export interface RoutingInput {
  readonly interfaceName: string;
  /** Networks of the interface's own addresses: the kernel routes them itself. */
  readonly connected: readonly Cidr[];
  readonly allowedIps: readonly Cidr[];
  /** Every allowed IP range in which one of our endpoints was ever seen; see {@link coveredBy}. */
  readonly policyRouted: ReadonlySet<string>;
  /** Routing table of the covering ranges, and the mark of our own datagrams, which must not use it. */
  readonly table: number;
  readonly mark: number;
  /** First of {@link RULE_BLOCK_SIZE} rule priorities. */
  readonly priority: number;
  /** Our UDP port: known by it too, because strict reverse path filtering looks a packet's source up without its mark. */
  readonly listenPort: number;
  /** TCP endpoints of ours that must stay outside the tunnel. */
  readonly tcpEndpoints: readonly { readonly ip: string; readonly port: number }[];
}

/** The rules of one interface lie in one block: three kinds of exception, two rules per prefix length, the end mark. */
export const RULE_BLOCK_SIZE = 300;
const PREFIX_RULES = 4;
const END = RULE_BLOCK_SIZE - 1;

/**
 * Routes and rules for the allowed IPs of all peers.
 *
 * A range that holds none of our endpoints is a plain route in the main table. A range that does (0.0.0.0/0 always) would
 * send our own datagrams into the tunnel that they carry. It goes into a table of its own, in the manner of wg-quick:
 * main is asked first, but only for what is more specific; then our table. Our own datagrams, known by mark or port,
 * jump over this block and see the system's rules as if we were not there.
 */
export function planRouting(input: RoutingInput): RoutingEntry[] {
  const { interfaceName, table, priority } = input;
  const entries: RoutingEntry[] = [];
  const ruleFamilies = new Set<4 | 6>();
  const rules: RoutingEntry[] = [];
  for (const cidr of input.allowedIps) {
    if (cidr.prefixLength === 0 || input.policyRouted.has(cidr.text)) {
      entries.push(route(`${cidr.text} dev ${interfaceName} table ${table}`));
      const at = priority + PREFIX_RULES + 2 * ((cidr.family === 4 ? 32 : 128) - cidr.prefixLength);
      const to = cidr.prefixLength === 0 ? '' : `to ${cidr.text} `;
      rules.push(rule(cidr.family, `${to}lookup main suppress_prefixlength ${cidr.prefixLength} priority ${at}`));
      rules.push(rule(cidr.family, `${to}lookup ${table} priority ${at + 1}`));
      ruleFamilies.add(cidr.family);
    } else if (!input.connected.some(({ text }) => text === cidr.text)) {
      entries.push(route(`${cidr.text} dev ${interfaceName}`));
    }
  }
  for (const family of ruleFamilies) {
    const jump = `goto ${priority + END}`;
    entries.push(rule(family, `nop priority ${priority + END}`));
    entries.push(rule(family, `fwmark ${input.mark} ${jump} priority ${priority}`));
    entries.push(rule(family, `ipproto udp sport ${input.listenPort} ${jump} priority ${priority + 1}`));
    for (const { ip, port } of input.tcpEndpoints) {
      if (isIP(ip) === family)
        entries.push(rule(family, `to ${ip} ipproto tcp dport ${port} ${jump} priority ${priority + 2}`));
    }
  }
  // Last, so that the exceptions hold when the first range takes effect.
  return [...entries, ...rules];
}

/** The allowed IP ranges in which an endpoint of ours lies. */
export function coveredBy(allowedIps: readonly Cidr[], endpointIp: string): Cidr[] {
  return allowedIps.filter((cidr) => cidrContains(cidr, endpointIp));
}

function route(spec: string): RoutingEntry {
  return { object: 'route', family: 0, spec };
}

function rule(family: 4 | 6, spec: string): RoutingEntry {
  return { object: 'rule', family, spec };
}
