import type { PhysicalEgress } from '@wirepath/core/plugin';
import { byAddressPreference } from './address-preference.js';
import { leadsToGuests, type LocalAddress, type NetworkState } from './network-state.js';
import { defaultRoutes } from './routes.js';

/**
 * Where packets to the internet leave this machine, best first: default routes by metric, skipping tunnels, so that a
 * mesh that owns the default route hides nothing. Where no default route is left, the interfaces that are up.
 * Metrics of IPv4 and IPv6 do not compare: the lists of both families are merged position by position, IPv4 first.
 */
export function selectPhysicalEgress(state: NetworkState): PhysicalEgress[] {
  const hasNoDefault = ([4, 6] as const).every((family) => defaultRoutes(state.routes, family).length === 0);
  const [v4, v6] = ([4, 6] as const).map((family) => egressOfFamily(state, family, hasNoDefault));
  return Array.from({ length: Math.max(v4?.length ?? 0, v6?.length ?? 0) }, (_, position) =>
    [v4?.[position], v6?.[position]].filter((egress) => egress !== undefined),
  ).flat();
}

function egressOfFamily(state: NetworkState, family: 4 | 6, machineHasNoDefault: boolean): PhysicalEgress[] {
  const usable = state.addresses
    .filter((address) => address.family === family && address.linkKind !== 'loopback')
    .sort(byAddressPreference);
  const routes = defaultRoutes(state.routes, family);
  const found = new Map<string, PhysicalEgress>();
  for (const { interfaceName, gateway, metric } of routes) {
    const address = usable.find((candidate) => candidate.interfaceName === interfaceName);
    if (address === undefined || found.has(interfaceName)) continue;
    const through = gateway === undefined ? {} : { gateway };
    found.set(interfaceName, { interfaceName, family, ip: address.ip, ...through, metric, evidence: 'route' });
  }
  // A family whose only default routes are a mesh's was captured: its physical way out still exists. A family without
  // any, beside another that has one, has none.
  if (found.size > 0 || (routes.length === 0 && !machineHasNoDefault)) return [...found.values()];
  for (const { interfaceName, ip } of likelyEgress(usable)) {
    if (!found.has(interfaceName)) found.set(interfaceName, { interfaceName, family, ip, evidence: 'interface' });
  }
  return [...found.values()];
}

/** Hardware; without any (inside a container), every link but those that lead to guests of our own. */
function likelyEgress(usable: readonly LocalAddress[]): readonly LocalAddress[] {
  const physical = usable.filter((address) => address.linkKind === 'physical');
  return physical.length > 0 ? physical : usable.filter((address) => !leadsToGuests(address.interfaceName));
}
