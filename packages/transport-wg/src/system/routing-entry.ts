import { ipText } from '@wirepath/core/plugin';
import {
  addRoute,
  addRule,
  MAIN_TABLE,
  putAddress,
  removeAddress,
  removeRoute,
  removeRule,
  ruleKey,
  type IpFamily,
  type IpPrefix,
  type NetlinkRequest,
  type RoutingRule,
} from '@wirepath/linux';

/** Something of ours that the kernel is to have: an address of the interface, a route to it, a rule. */
export type RoutingEntry =
  | { readonly kind: 'address' | 'route'; readonly prefix: IpPrefix; readonly table: number }
  | { readonly kind: 'rule'; readonly rule: RoutingRule };

export function addressEntry(prefix: IpPrefix): RoutingEntry {
  return { kind: 'address', prefix, table: 0 };
}

/** Equal for entries that are the same. */
export function entryKey(entry: RoutingEntry): string {
  if (entry.kind === 'rule') return `rule ${ruleKey(entry.rule)}`;
  return entry.kind === 'route' ? routeKey(entry.table, entry.prefix) : addressKey(entry.prefix);
}

export function routeKey(table: number, { bytes, prefix }: IpPrefix): string {
  return `route ${table} ${Buffer.from(bytes).toString('hex')}/${prefix}`;
}

export function addressKey({ bytes, prefix }: IpPrefix): string {
  return `address ${Buffer.from(bytes).toString('hex')}/${prefix}`;
}

export function entryFamily(entry: RoutingEntry): IpFamily {
  return entry.kind === 'rule' ? entry.rule.family : entry.prefix.bytes.length === 4 ? 4 : 6;
}

/** @param link index of the interface. */
export function additionOf(entry: RoutingEntry, link: number): NetlinkRequest {
  if (entry.kind === 'rule') return addRule(entry.rule);
  const { prefix, table } = entry;
  return entry.kind === 'route'
    ? addRoute({ destination: prefix, link, table })
    : putAddress({ index: link, ...prefix });
}

/** @param link index of the interface. */
export function removalOf(entry: RoutingEntry, link: number): NetlinkRequest {
  if (entry.kind === 'rule') return removeRule(entry.rule);
  const { prefix, table } = entry;
  return entry.kind === 'route'
    ? removeRoute({ destination: prefix, link, table })
    : removeAddress({ index: link, ...prefix });
}

/** As ip(8) writes it: `route 10.0.0.0/8 dev wp0`. */
export function entryText(entry: RoutingEntry, interfaceName: string): string {
  if (entry.kind === 'rule') return `rule ${ruleText(entry.rule)}`;
  const { bytes, prefix } = entry.prefix;
  const table = entry.kind === 'route' && entry.table !== MAIN_TABLE ? ` table ${entry.table}` : '';
  return `${entry.kind} ${ipText(bytes)}/${prefix} dev ${interfaceName}${table}`;
}

export function ruleText(rule: RoutingRule): string {
  const { priority, action, destination, mark, ipProtocol, sourcePort, destinationPort, suppressPrefixLength } = rule;
  const then =
    typeof action === 'string' ? action : 'goto' in action ? `goto ${action.goto}` : lookupText(action.lookup);
  return [
    ...(destination ? [`to ${ipText(destination.bytes)}/${destination.prefix}`] : []),
    ...(mark ? [`fwmark 0x${mark.value.toString(16)}/0x${mark.mask.toString(16)}`] : []),
    ...(ipProtocol === undefined
      ? []
      : [`ipproto ${ipProtocol === 17 ? 'udp' : ipProtocol === 6 ? 'tcp' : ipProtocol}`]),
    ...(sourcePort === undefined ? [] : [`sport ${sourcePort}`]),
    ...(destinationPort === undefined ? [] : [`dport ${destinationPort}`]),
    then,
    ...(suppressPrefixLength === undefined ? [] : [`suppress_prefixlength ${suppressPrefixLength}`]),
    `priority ${priority}`,
  ].join(' ');
}

function lookupText(table: number): string {
  return `lookup ${table === MAIN_TABLE ? 'main' : table}`;
}
