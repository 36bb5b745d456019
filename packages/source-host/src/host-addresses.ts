import { byAddressPreference } from './address-preference.js';
import type { LinkKind } from './link-kind.js';
import type { LocalAddress, NetworkState } from './network-state.js';
import { selectPhysicalEgress } from './physical-egress.js';

export interface HostAddressRules {
  /** Links to use, by name or glob; all when left out. */
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  /** Take 127.0.0.1 and ::1 too. */
  readonly loopback: boolean;
  readonly maxCandidates: number;
}

const KIND_ORDER: readonly LinkKind[] = ['physical', 'virtual', 'tap', 'loopback'];

/**
 * The addresses to offer, best first: those of the physical egress in its order, of other hardware, of virtual links,
 * and last the loopback. Where there are too many, each link and family keeps its best before any gets a second.
 */
export function selectHostAddresses(state: NetworkState, rules: HostAddressRules): LocalAddress[] {
  const egressNames = [...new Set(selectPhysicalEgress(state).map((egress) => egress.interfaceName))];
  const rank = ({ interfaceName, linkKind }: LocalAddress): number => {
    const position = egressNames.indexOf(interfaceName);
    return position === -1 ? egressNames.length + KIND_ORDER.indexOf(linkKind) : position;
  };
  const ranked = state.addresses
    .filter(
      (address) => (address.linkKind !== 'loopback' || rules.loopback) && isSelected(address.interfaceName, rules),
    )
    .sort((a, b) => rank(a) - rank(b) || byAddressPreference(a, b));
  return bounded(withoutRepeats(ranked), rules.maxCandidates);
}

/** One address can be on several links (VRRP, unnumbered links): the best ranked stays. */
function withoutRepeats(addresses: readonly LocalAddress[]): LocalAddress[] {
  const seen = new Set<string>();
  return addresses.filter(({ ip }) => !seen.has(ip) && seen.add(ip));
}

function bounded(ranked: readonly LocalAddress[], max: number): LocalAddress[] {
  const counts = new Map<string, number>();
  const turns = ranked.map((address, position) => {
    const group = `${address.interfaceName} ${address.family}`;
    const turn = counts.get(group) ?? 0;
    counts.set(group, turn + 1);
    return { address, position, turn };
  });
  return turns
    .sort((a, b) => a.turn - b.turn || a.position - b.position)
    .slice(0, max)
    .sort((a, b) => a.position - b.position)
    .map(({ address }) => address);
}

function isSelected(interfaceName: string, { include, exclude }: HostAddressRules): boolean {
  const matches = (pattern: string) => globMatches(pattern, interfaceName);
  return (include?.some(matches) ?? true) && !(exclude?.some(matches) ?? false);
}

/** `*` stands for any characters, `?` for one. */
function globMatches(pattern: string, name: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(name);
}
