import { attribute, concat } from '../netlink/attributes.js';
import { NLM_F } from '../netlink/message.js';
import type { NetlinkRequest } from '../netlink/netlink-socket.js';
import { lookup, type Expression } from './expressions.js';

/** What a table of nftables is to contain, whole. Family `inet`: IPv4 and IPv6. */
export interface Table {
  readonly name: string;
  /** For people: `nft list` shows it. At most 128 bytes. */
  readonly comment?: string;
  readonly sets: readonly IntervalSet[];
  /** A chain that others jump into stands before them. */
  readonly chains: readonly Chain[];
}

export interface Chain {
  readonly name: string;
  /** Where packets come in by themselves; without it, others jump into the chain. */
  readonly hook?: Hook;
  readonly rules: readonly Rule[];
}

export interface Hook {
  readonly at: keyof typeof HOOKS;
  /** Smaller is earlier: mangle -150, filter 0. */
  readonly priority: number;
}

export interface Rule {
  readonly expressions: readonly Expression[];
  /** For people, and to know it by when it is read back. At most 128 bytes. */
  readonly comment?: string;
}

/** Ranges of keys that neither overlap nor touch, in order. */
export interface IntervalSet {
  readonly name: string;
  readonly key: keyof typeof KEYS;
  readonly intervals: readonly Interval[];
}

/** Both ends belong to it; of the key's size, in network byte order. */
export interface Interval {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

// linux/netfilter/nfnetlink.h, nf_tables.h
const SUBSYSTEM_NFTABLES = 10;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const FAMILY_UNSPECIFIED = 0;
const FAMILY_INET = 1;
const MESSAGES = {
  newTable: 0,
  getTable: 1,
  deleteTable: 2,
  newChain: 3,
  getChain: 4,
  deleteChain: 5,
  newRule: 6,
  getRule: 7,
  deleteRule: 8,
  newSet: 9,
  getSet: 10,
  deleteSet: 11,
  newElements: 12,
  getElements: 13,
} as const;
const SET_INTERVAL = 4;
const ELEMENT_ENDS_INTERVAL = 1;
/** Of one message: an attribute holds 64 KiB. */
const INTERVALS_PER_MESSAGE = 500;
const NESTED = 0x8000;
const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
/** Type as the program `nft` numbers it, to show them, and size. */
const KEYS = { ipv4: { type: 7, sizeBytes: 4 }, ipv6: { type: 8, sizeBytes: 16 } } as const;
const POLICY_ACCEPT = 1;
const LIST_ELEMENT = 1;
const COMMENT_BYTES_MAX = 129;

/** A message about tables of the family `inet`. @param attributes encoded. */
export function nftRequest(
  message: keyof typeof MESSAGES,
  attributes: readonly Uint8Array[],
  flags = 0,
): NetlinkRequest & { readonly flags: number } {
  const type = (SUBSYSTEM_NFTABLES << 8) | MESSAGES[message];
  return { type, flags, payload: concat([nfgenmsg(FAMILY_INET, 0), ...attributes]), acknowledged: false };
}

/** All of them take effect at once, or none does. The last is acknowledged; errors are reported for each. */
export function batch(requests: readonly NetlinkRequest[]): NetlinkRequest[] {
  const payload = nfgenmsg(FAMILY_UNSPECIFIED, SUBSYSTEM_NFTABLES);
  const last = requests.length - 1;
  return [
    { type: BATCH_BEGIN, payload, acknowledged: false },
    ...requests.map((request, index) => ({ ...request, acknowledged: index === last })),
    { type: BATCH_END, payload, acknowledged: false },
  ];
}

/** Names of what a table has. */
export interface TableParts {
  readonly chains: readonly string[];
  readonly sets: readonly string[];
}

/**
 * The same table, each set under a name that none of `taken` has.
 *
 * A set that is made in the transaction that has it looked up has no elements for the packets of a moment (seen on Linux 6.18).
 * So sets are made first ({@link makeSets}), then the rules are exchanged, then the sets before are removed.
 */
export function withFreeSetNames(table: Table, taken: readonly string[]): Table {
  const isTaken = new Set(taken);
  const names = new Map<string, string>();
  for (const { name } of table.sets) {
    let free = name;
    for (let i = 2; isTaken.has(free); i++) free = `${name}-${i}`;
    isTaken.add(free);
    names.set(name, free);
  }
  const renamed = (name: string) => names.get(name) ?? name;
  const looksUpRenamed = ({ expressions, ...rest }: Rule): Rule => ({
    ...rest,
    expressions: expressions.map((step) => (step.set === undefined ? step : lookup(renamed(step.set)))),
  });
  return {
    ...table,
    sets: table.sets.map((set) => ({ ...set, name: renamed(set.name) })),
    chains: table.chains.map((chain) => ({ ...chain, rules: chain.rules.map(looksUpRenamed) })),
  };
}

/** The table, where there is none, and its sets, which must not be there yet. */
export function makeSets({ name, comment, sets }: Table): NetlinkRequest[] {
  const of = attribute.string(1, name);
  return [
    nftRequest('newTable', [of, ...commentAttribute(6, comment)], NLM_F.CREATE),
    ...sets.flatMap((set, index) => createSet(of, set, index + 1)),
  ];
}

/**
 * The table gets these chains and rules in the place of those that it has.
 *
 * Chains stay, and their rules are exchanged: a packet goes through a chain with all its old rules or all its new ones. A chain
 * that were removed and made again could be met twice, first the new one before the change and then the old one after it, and
 * neither would have rules.
 */
export function exchangeRules({ name, chains }: Table, before: readonly string[]): NetlinkRequest[] {
  const of = attribute.string(1, name);
  const isWanted = new Set(chains.map((chain) => chain.name));
  const gone = before.filter((chain) => !isWanted.has(chain));
  return [
    ...chains.map((chain) =>
      nftRequest('newChain', [of, attribute.string(3, chain.name), ...hookAttributes(chain.hook)], NLM_F.CREATE),
    ),
    ...before.map((chain) => nftRequest('deleteRule', [of, attribute.string(2, chain)])),
    ...gone.map((chain) => nftRequest('deleteChain', [of, attribute.string(3, chain)])),
    ...chains.flatMap((chain) => chain.rules.map((rule) => createRule(of, chain.name, rule))),
  ];
}

/** Sets that no rule looks up any more. */
export function removeSets(table: string, names: readonly string[]): NetlinkRequest[] {
  return names.map((set) => nftRequest('deleteSet', [attribute.string(1, table), attribute.string(2, set)]));
}

/** No error where there is none: it is made first. */
export function removeTable(name: string): NetlinkRequest[] {
  const attributes = [attribute.string(1, name)];
  return [nftRequest('newTable', attributes, NLM_F.CREATE), nftRequest('deleteTable', attributes)];
}

function hookAttributes(hook: Hook | undefined): Uint8Array[] {
  if (hook === undefined) return [];
  const where = attribute.nested(4, [attribute.be32(1, HOOKS[hook.at]), attribute.be32(2, hook.priority)]);
  return [where, attribute.be32(5, POLICY_ACCEPT), attribute.string(7, 'filter')];
}

function createRule(table: Uint8Array, chain: string, { expressions, comment }: Rule): NetlinkRequest {
  const list = expressions.map(({ name, attributes }) =>
    attribute.nested(LIST_ELEMENT, [attribute.string(1, name), attribute.nested(2, attributes)]),
  );
  const attributes = [table, attribute.string(2, chain), attribute.nested(4, list), ...commentAttribute(7, comment)];
  return nftRequest('newRule', attributes, NLM_F.CREATE | NLM_F.APPEND);
}

function createSet(table: Uint8Array, { name, key, intervals }: IntervalSet, id: number): NetlinkRequest[] {
  const { type, sizeBytes } = KEYS[key];
  const called = attribute.string(2, name);
  const shape = [attribute.be32(3, SET_INTERVAL), attribute.be32(4, type), attribute.be32(5, sizeBytes)];
  const requests = [nftRequest('newSet', [table, called, ...shape, attribute.be32(10, id)], NLM_F.CREATE)];
  for (let at = 0; at < intervals.length; at += INTERVALS_PER_MESSAGE) {
    const some = attribute.bytes(3 | NESTED, elementList(intervals.slice(at, at + INTERVALS_PER_MESSAGE), sizeBytes));
    requests.push(nftRequest('newElements', [table, called, attribute.be32(4, id), some], NLM_F.CREATE));
  }
  return requests;
}

/**
 * Of each interval its first key, and the key behind its last as the end; one up to the last key of all has none. There can be
 * many thousands, so they are copies of two patterns, with other keys.
 */
function elementList(intervals: readonly Interval[], keyBytes: number): Uint8Array {
  const key = attribute.nested(1, [attribute.bytes(1, new Uint8Array(keyBytes))]);
  const start = attribute.nested(LIST_ELEMENT, [key]);
  const end = attribute.nested(LIST_ELEMENT, [key, attribute.be32(3, ELEMENT_ENDS_INTERVAL)]);
  const bytes = new Uint8Array(intervals.length * (start.length + end.length));
  let at = 0;
  const add = (pattern: Uint8Array, value: Uint8Array) => {
    bytes.set(pattern, at);
    // Behind the headers of three attributes, one in the other.
    bytes.set(value, at + 12);
    at += pattern.length;
  };
  for (const { first, last } of intervals) {
    add(start, first);
    const behind = successor(last);
    if (behind !== undefined) add(end, behind);
  }
  return bytes.subarray(0, at);
}

function successor(key: Uint8Array): Uint8Array | undefined {
  const next = Uint8Array.from(key);
  for (let at = next.length - 1; at >= 0; at--) {
    next[at] = (next[at] ?? 0) + 1;
    if (next[at] !== 0) return next;
  }
  return undefined;
}

/** As the program `nft` keeps comments: type 0, length, text with its zero. @throws RangeError for one that is too long. */
function commentAttribute(type: number, comment: string | undefined): Uint8Array[] {
  if (comment === undefined) return [];
  const bytes = Buffer.from(`${comment}\0`);
  if (bytes.length > COMMENT_BYTES_MAX) throw new RangeError(`a comment of ${bytes.length} bytes`);
  return [attribute.bytes(type, Uint8Array.of(0, bytes.length, ...bytes))];
}

/** struct nfgenmsg: family, version 0, resource in network byte order. */
function nfgenmsg(family: number, resource: number): Uint8Array {
  return Uint8Array.of(family, 0, resource >> 8, resource & 255);
}
