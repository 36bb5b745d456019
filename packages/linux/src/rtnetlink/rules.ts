import { attribute, AttributeMap, concat, decodeAttributes } from '../netlink/attributes.js';
import { LITTLE_ENDIAN, NLM_F, viewOf } from '../netlink/message.js';
import type { NetlinkRequest } from '../netlink/netlink-socket.js';
import { addressFamily, ipFamily, RTM, type IpFamily, type IpPrefix } from './rtnetlink.js';

/** struct fib_rule_hdr: u8 family, destination length, source length, tos, table, 2 reserved, action; u32 flags. */
const HEADER_BYTES = 12;
const FIB_RULE_INVERT = 2;
const RTPROT_BOOT = 3;
const FR_ACT_TO_TBL = 1;
const FR_ACT_GOTO = 2;
const FR_ACT_NOP = 3;
const FRA = {
  DST: 1,
  GOTO: 4,
  PRIORITY: 6,
  FWMARK: 10,
  SUPPRESS_IFGROUP: 13,
  SUPPRESS_PREFIXLEN: 14,
  TABLE: 15,
  FWMASK: 16,
  PAD: 18,
  L3MDEV: 19,
  PROTOCOL: 21,
  IP_PROTO: 22,
  SPORT_RANGE: 23,
  DPORT_RANGE: 24,
  SPORT_MASK: 28,
  DPORT_MASK: 29,
} as const;
const NONE = 0xffffffff;
/** Kernels from 6.15 on say of a port that all of it counts. */
const ALL_BITS = 0xffff;
/** Attributes that do not narrow down what a rule matches, and those that are read. */
const UNDERSTOOD: ReadonlySet<number> = new Set(Object.values(FRA));

/** A routing policy rule (ip-rule(8)). What is absent is no condition. */
export interface RoutingRule {
  readonly family: IpFamily;
  /** Asked in this order, lowest first. */
  readonly priority: number;
  readonly action: { readonly lookup: number } | { readonly goto: number } | 'nop' | 'other';
  /** Takes no route of the looked-up table with a prefix of at most this length. */
  readonly suppressPrefixLength?: number;
  readonly destination?: IpPrefix;
  readonly mark?: { readonly value: number; readonly mask: number };
  /** 6 for TCP, 17 for UDP. */
  readonly ipProtocol?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** It has conditions that are not read here (a source, an interface, a user). */
  readonly hasMore?: true;
}

/** Fails with EEXIST where the same rule is there. */
export function addRule(rule: RoutingRule): NetlinkRequest {
  return { type: RTM.NEWRULE, flags: NLM_F.CREATE | NLM_F.EXCL, payload: payloadOf(rule) };
}

/** Of several that match, one. */
export function removeRule(rule: RoutingRule): NetlinkRequest {
  return { type: RTM.DELRULE, payload: payloadOf(rule) };
}

/** Whatever is first of this priority. */
export function removeRuleAt(family: IpFamily, priority: number): NetlinkRequest {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = addressFamily(family);
  return { type: RTM.DELRULE, payload: concat([header, attribute.u32(FRA.PRIORITY, priority)]) };
}

export function listRules(family: IpFamily): { type: number; payload: Uint8Array } {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = addressFamily(family);
  return { type: RTM.GETRULE, payload: header };
}

/** @param payload of RTM_NEWRULE or RTM_DELRULE. @returns undefined for another family's. */
export function decodeRule(payload: Uint8Array): RoutingRule | undefined {
  const family = ipFamily(payload[0]);
  if (payload.length < HEADER_BYTES || family === undefined) return undefined;
  const body = payload.subarray(HEADER_BYTES);
  const attributes = new AttributeMap(body);
  const flags = viewOf(payload).getUint32(8, LITTLE_ENDIAN);
  const suppress = attributes.u32(FRA.SUPPRESS_PREFIXLEN);
  const suppressGroup = attributes.u32(FRA.SUPPRESS_IFGROUP) ?? NONE;
  const destination = attributes.bytes(FRA.DST);
  const mask = attributes.u32(FRA.FWMASK) ?? 0;
  const ipProtocol = attributes.u8(FRA.IP_PROTO) ?? 0;
  const hasMore =
    (payload[2] ?? 0) !== 0 ||
    (payload[3] ?? 0) !== 0 ||
    (flags & FIB_RULE_INVERT) !== 0 ||
    suppressGroup !== NONE ||
    (attributes.u16(FRA.SPORT_MASK) ?? ALL_BITS) !== ALL_BITS ||
    (attributes.u16(FRA.DPORT_MASK) ?? ALL_BITS) !== ALL_BITS ||
    (attributes.u8(FRA.L3MDEV) ?? 0) !== 0 ||
    decodeAttributes(body).some(({ type }) => !UNDERSTOOD.has(type));
  return {
    family,
    priority: attributes.u32(FRA.PRIORITY) ?? 0,
    action: actionOf(payload, attributes),
    ...(suppress === undefined || suppress === NONE ? {} : { suppressPrefixLength: suppress }),
    ...(destination === undefined ? {} : { destination: { bytes: destination, prefix: payload[1] ?? 0 } }),
    ...(mask === 0 ? {} : { mark: { value: attributes.u32(FRA.FWMARK) ?? 0, mask } }),
    ...(ipProtocol === 0 ? {} : { ipProtocol }),
    ...portOf(attributes, FRA.SPORT_RANGE, 'sourcePort'),
    ...portOf(attributes, FRA.DPORT_RANGE, 'destinationPort'),
    ...(hasMore ? { hasMore } : {}),
  };
}

/** Equal for rules that are the same. */
export function ruleKey(rule: RoutingRule): string {
  const { family, priority, action, suppressPrefixLength, destination, mark, ipProtocol, hasMore } = rule;
  const then = typeof action === 'string' ? action : 'goto' in action ? `goto ${action.goto}` : action.lookup;
  const to = destination && `${Buffer.from(destination.bytes).toString('hex')}/${destination.prefix}`;
  const ports = [rule.sourcePort, rule.destinationPort];
  return [
    family,
    priority,
    then,
    suppressPrefixLength,
    to,
    mark?.value,
    mark?.mask,
    ipProtocol,
    ...ports,
    hasMore,
  ].join();
}

function actionOf(payload: Uint8Array, attributes: AttributeMap): RoutingRule['action'] {
  switch (payload[7]) {
    case FR_ACT_TO_TBL:
      return { lookup: attributes.u32(FRA.TABLE) ?? payload[4] ?? 0 };
    case FR_ACT_GOTO:
      return { goto: attributes.u32(FRA.GOTO) ?? 0 };
    case FR_ACT_NOP:
      return 'nop';
    default:
      return 'other';
  }
}

/** struct fib_rule_port_range: u16 first, u16 last. */
function portOf(attributes: AttributeMap, type: number, name: 'sourcePort' | 'destinationPort'): Partial<RoutingRule> {
  const range = attributes.bytes(type);
  if (range === undefined || range.length < 4) return {};
  const view = viewOf(range);
  const [first, last] = [view.getUint16(0, LITTLE_ENDIAN), view.getUint16(2, LITTLE_ENDIAN)];
  // A range of several ports is none of ours: it must not look like a rule for one.
  return { [name]: first === last ? first : first * 65_536 + last };
}

function payloadOf(rule: RoutingRule): Uint8Array {
  const { family, priority, action, suppressPrefixLength, destination, mark, ipProtocol } = rule;
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = addressFamily(family);
  header[1] = destination?.prefix ?? 0;
  const attributes = [attribute.u32(FRA.PRIORITY, priority), attribute.u8(FRA.PROTOCOL, RTPROT_BOOT)];
  if (action === 'nop') header[7] = FR_ACT_NOP;
  else if (action === 'other') throw new RangeError('a rule that was only read');
  else if ('goto' in action) {
    header[7] = FR_ACT_GOTO;
    attributes.push(attribute.u32(FRA.GOTO, action.goto));
  } else {
    header[7] = FR_ACT_TO_TBL;
    attributes.push(attribute.u32(FRA.TABLE, action.lookup));
  }
  if (destination !== undefined) attributes.push(attribute.bytes(FRA.DST, destination.bytes));
  if (suppressPrefixLength !== undefined) attributes.push(attribute.u32(FRA.SUPPRESS_PREFIXLEN, suppressPrefixLength));
  if (mark !== undefined) attributes.push(attribute.u32(FRA.FWMARK, mark.value), attribute.u32(FRA.FWMASK, mark.mask));
  if (ipProtocol !== undefined) attributes.push(attribute.u8(FRA.IP_PROTO, ipProtocol));
  if (rule.sourcePort !== undefined) attributes.push(portRange(FRA.SPORT_RANGE, rule.sourcePort));
  if (rule.destinationPort !== undefined) attributes.push(portRange(FRA.DPORT_RANGE, rule.destinationPort));
  return concat([header, ...attributes]);
}

function portRange(type: number, port: number): Uint8Array {
  const range = new Uint8Array(4);
  viewOf(range).setUint16(0, port, LITTLE_ENDIAN);
  viewOf(range).setUint16(2, port, LITTLE_ENDIAN);
  return attribute.bytes(type, range);
}
