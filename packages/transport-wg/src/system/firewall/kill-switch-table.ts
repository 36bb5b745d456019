import { parseCidr, type Cidr } from '@wirepath/core/plugin';
import type { Chain, IntervalSet, Rule } from '@wirepath/linux';
import {
  allAddresses,
  contains,
  isEverything,
  merged,
  rangeOf,
  rangesOf,
  toInterval,
  without,
  type AddressRange,
} from './address-ranges.js';
import type { OnLinkNetwork } from './on-link-networks.js';
import {
  accept,
  destinationIn,
  drop,
  fromPort,
  jump,
  marked,
  neighbourly,
  ofFamily,
  ofProtocol,
  outBy,
  rule,
  toPort,
} from './rules.js';
import type { Family, Mark } from './rules.js';

export interface KillSwitchPlan {
  readonly interfaceName: string;
  /** Of our own datagrams and connections. */
  readonly mark: Mark;
  /** Of a device that does not mark its datagrams: its UDP port. */
  readonly unmarkedPort?: number | undefined;
  /** What is meant for the tunnel. */
  readonly meant: readonly Cidr[];
  /** DNS servers outside the tunnel; undefined: none where the tunnel has a default route, else all. */
  readonly dns: readonly Cidr[] | undefined;
  /** What passes beside the tunnel: networks of a link, by that link; others anywhere. */
  readonly beside: readonly (OnLinkNetwork | Cidr)[];
  /** Whether what no router passes on does: link-local addresses, multicast of the link. */
  readonly linkScope: boolean;
}

/** By these the counters of what was dropped are found. */
export const DROPPED = 'meant for the tunnel';
export const DROPPED_DNS = 'DNS outside the tunnel';

const FAMILIES = [4, 6] as const;
/** After whatever else may still change where a packet goes. */
const PRIORITY = 10;
const NDP = { hopLimit: 255, first: 133, last: 136 };
/** Of their scope no router passes anything on. */
const LINK_SCOPE = ['224.0.0.0/24', '255.255.255.255/32', 'fe80::/10', 'ff02::/16'].flatMap(
  (text) => parseCidr(text) ?? [],
);
const DNS_PORTS = [53, 853] as const;

/**
 * Sets and chains that let nothing out which is meant for the tunnel, but by the tunnel. Made here or passed on, a packet whose
 * destination is in a range of the tunnel and that goes out by another interface is dropped, whatever routes and rules say.
 */
export function killSwitchTable(plan: KillSwitchPlan): { sets: IntervalSet[]; chains: Chain[] } {
  const { interfaceName } = plan;
  const outside = outsideChain(plan);
  const dns = dnsChain(plan);
  const sets = [...outside.sets, ...(dns?.sets ?? [])].filter(({ intervals }) => intervals.length > 0);
  const outsideRules = [...(dns === undefined ? [] : dnsRules()), ...outside.rules];
  const throughTunnel = rule(undefined, outBy(interfaceName), accept);
  return {
    sets,
    chains: [
      ...(dns === undefined ? [] : [{ name: 'dns', rules: dns.rules }]),
      { name: 'outside', rules: outsideRules },
      {
        name: 'output',
        hook: { at: 'output', priority: PRIORITY },
        rules: [
          rule(undefined, outBy('lo'), accept),
          throughTunnel,
          rule('our own', marked('packet', plan.mark), accept),
          ...(plan.unmarkedPort === undefined
            ? []
            : [rule('the device’s own', ofProtocol('udp'), fromPort(plan.unmarkedPort), accept)]),
          rule('DHCP', ofFamily(4), ofProtocol('udp'), fromPort(68), toPort(67), accept),
          rule('DHCPv6', ofFamily(6), ofProtocol('udp'), fromPort(546), toPort(547), accept),
          rule('neighbour discovery', neighbourly(NDP.hopLimit, NDP.first, NDP.last), accept),
          rule('multicast listeners', neighbourly(1, 130, 132), accept),
          rule('multicast listeners', neighbourly(1, 143, 143), accept),
          rule(undefined, jump('outside')),
        ],
      },
      // Nothing that is passed on is ours, whatever mark it bears.
      {
        name: 'forward',
        hook: { at: 'forward', priority: PRIORITY },
        rules: [throughTunnel, rule(undefined, jump('outside'))],
      },
    ],
  };
}

interface Part {
  readonly sets: readonly IntervalSet[];
  readonly rules: readonly Rule[];
}

/** What goes out by another interface: what may pass beside the tunnel does, what is meant for it is dropped. */
function outsideChain(plan: KillSwitchPlan): Part {
  const sets: IntervalSet[] = [];
  const rules: Rule[] = [];
  const add = (set: IntervalSet, family: Family, ...rest: Parameters<typeof rule>) => {
    if (set.intervals.length === 0) return;
    sets.push(set);
    const [comment, ...steps] = rest;
    rules.push(rule(comment, destinationIn(set.name, family), ...steps));
  };
  for (const family of FAMILIES) {
    const meant = meantRanges(plan.meant, family);
    const exact = plan.meant.filter((network) => network.family === family).map(rangeOf);
    const passing = (networks: readonly Cidr[]) => passingBeside(networks, exact, family);
    if (meant.length === 0) continue;
    if (plan.linkScope) add(intervalSet(`link${family}`, passing(LINK_SCOPE), family), family, undefined, accept);
    // Where the tunnel takes no IPv6, no LAN gets any either, but what is named.
    const isShut = family === 6 && isIpv4Only(plan.meant);
    const beside = plan.beside.filter((one) => !isShut || !('interfaceName' in one));
    for (const [interfaceName, networks] of byInterface(beside)) {
      const name = `beside${family}${interfaceName === undefined ? '' : `-${interfaceName}`}`;
      const by = interfaceName === undefined ? [] : outBy(interfaceName);
      add(intervalSet(name, passing(networks), family), family, undefined, by, accept);
    }
    add(intervalSet(`tunnel${family}`, meant, family), family, DROPPED, drop);
  }
  return { sets, rules };
}

/** Everything, where the tunnel takes all of IPv4 and IPv6 would go past it. */
function meantRanges(meant: readonly Cidr[], family: Family): AddressRange[] {
  return family === 6 && isIpv4Only(meant) ? [allAddresses(6)] : rangesOf(meant, family);
}

function isIpv4Only(meant: readonly Cidr[]): boolean {
  return isEverything(rangesOf(meant, 4), 4) && !isEverything(rangesOf(meant, 6), 6);
}

/** As routing decides, the more specific wins; of the same, what is meant for the tunnel. */
function passingBeside(networks: readonly Cidr[], meant: readonly AddressRange[], family: Family): AddressRange[] {
  const ranges = networks.filter((network) => network.family === family).map(rangeOf);
  return merged(
    ranges.flatMap((range) =>
      without(
        range,
        meant.filter((inner) => contains(range, inner)),
      ),
    ),
  );
}

function byInterface(beside: KillSwitchPlan['beside']): Map<string | undefined, Cidr[]> {
  const found = new Map<string | undefined, Cidr[]>();
  for (const one of beside) {
    const [name, network] = 'interfaceName' in one ? [one.interfaceName, one.network] : [undefined, one];
    found.set(name, [...(found.get(name) ?? []), network]);
  }
  return found;
}

function dnsRules(): Rule[] {
  return (['udp', 'tcp'] as const).flatMap((protocol) =>
    DNS_PORTS.map((port) => rule(undefined, ofProtocol(protocol), toPort(port), jump('dns'))),
  );
}

/** @returns undefined where DNS is traffic like any other. */
function dnsChain({ dns, meant }: KillSwitchPlan): Part | undefined {
  if (dns === undefined && !FAMILIES.some((family) => isEverything(rangesOf(meant, family), family))) return undefined;
  const sets = FAMILIES.map((family) => intervalSet(`dns${family}`, rangesOf(dns ?? [], family), family));
  const rules = FAMILIES.flatMap((family, index) =>
    sets[index]?.intervals.length === 0 ? [] : [rule(undefined, destinationIn(`dns${family}`, family), accept)],
  );
  return { sets, rules: [...rules, rule(DROPPED_DNS, drop)] };
}

function intervalSet(name: string, ranges: readonly AddressRange[], family: Family): IntervalSet {
  return { name, key: family === 4 ? 'ipv4' : 'ipv6', intervals: ranges.map((range) => toInterval(range, family)) };
}
