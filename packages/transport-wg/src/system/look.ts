import { ruleKey, type IpFamily, type RoutingRule } from '@wirepath/linux';
import type { KernelState } from './kernel.js';
import { addressKey, entryFamily, routeKey, type RoutingEntry } from './routing-entry.js';
import { rulesBefore } from './rules-before.js';

/** What the kernel has of the kinds that these entries are of: no more is asked for. */
export function lookAt(
  kernel: KernelState,
  link: number,
  entries: readonly RoutingEntry[],
): { readonly keys: ReadonlySet<string>; readonly before: readonly RoutingRule[] } {
  const keys = new Set<string>();
  const before: RoutingRule[] = [];
  if (entries.some(({ kind }) => kind === 'address')) {
    for (const address of kernel.addresses(link)) keys.add(addressKey(address));
  }
  const tables = new Set<string>();
  const firstRules = new Map<IpFamily, number>();
  for (const entry of entries) {
    const family = entryFamily(entry);
    if (entry.kind === 'route') tables.add(`${family} ${entry.table}`);
    if (entry.kind === 'rule') {
      firstRules.set(family, Math.min(firstRules.get(family) ?? Infinity, entry.rule.priority));
    }
  }
  for (const table of tables) {
    const [family, number] = table.split(' ').map(Number);
    for (const route of kernel.routes(family === 4 ? 4 : 6, { table: number ?? 0, link })) {
      if (route.isUnicast) keys.add(routeKey(route.table, route.destination));
    }
  }
  for (const [family, first] of firstRules) {
    const rules = kernel.rules(family);
    for (const rule of rules) keys.add(`rule ${ruleKey(rule)}`);
    before.push(...rulesBefore(rules, first, kernel));
  }
  return { keys, before };
}
