import type { RoutingRule } from '@wirepath/linux';
import type { KernelState } from './kernel.js';

/**
 * Rules of others that are asked before ours, match every packet, and leave us nothing: what they look up has a default route,
 * or they refuse.
 * @param first the lowest priority of ours.
 */
export function rulesBefore(rules: readonly RoutingRule[], first: number, kernel: KernelState): RoutingRule[] {
  return rules.filter((rule) => {
    // 0 is the kernel's own look-up of local addresses.
    if (rule.priority === 0 || rule.priority >= first || isNarrow(rule)) return false;
    const { action, family, suppressPrefixLength } = rule;
    if (action === 'other') return true;
    if (action === 'nop' || 'goto' in action || suppressPrefixLength !== undefined) return false;
    return kernel.routes(family, { table: action.lookup }).some(({ destination }) => destination.prefix === 0);
  });
}

function isNarrow({ destination, mark, ipProtocol, sourcePort, destinationPort, hasMore }: RoutingRule): boolean {
  return [destination, mark, ipProtocol, sourcePort, destinationPort, hasMore].some(
    (condition) => condition !== undefined,
  );
}
