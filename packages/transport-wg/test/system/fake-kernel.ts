import {
  addRoute,
  addRule,
  attribute,
  AttributeMap,
  concat,
  decodeAddress,
  decodeRoute,
  decodeRule,
  putAddress,
  RTM,
  ruleKey,
  type Link,
  type NetlinkMessage,
  type NetlinkOutcome,
  type NetlinkRequest,
  type NetlinkWatchEvents,
} from '@wirepath/linux';
import type { Netlink } from '../../src/system/kernel.js';
import { entryKey, entryText, type RoutingEntry } from '../../src/system/routing-entry.js';

export const OWN_LINK = 7;
const PORT_ID = 4242;

/** Links, addresses, routes and rules in memory, behind netlink as the system speaks it. */
export class FakeKernel implements Netlink {
  /** As ip(8) would be told: `add route 10.0.0.0/8 dev wp0`. */
  readonly commands: string[] = [];
  readonly links = new Map<number, Link>();
  /** By interface (ours for rules) and key. */
  readonly #entries = new Map<string, { readonly link: number; readonly entry: RoutingEntry }>();
  #events: NetlinkWatchEvents | undefined;
  readonly portId = PORT_ID;
  dumps = 0;
  closed = 0;
  /** The errno that a command fails with. */
  refuse: (command: string) => [errno: number, code: string] | undefined = () => undefined;

  constructor() {
    this.addLink({ index: OWN_LINK, name: 'wp0' });
    this.addLink({ index: 2, name: 'eth0', mtu: 1500, up: true });
  }

  addLink(link: Partial<Link> & { index: number; name: string }): void {
    this.links.set(link.index, { mtu: 1500, up: false, ipv6: 'on', quiet: false, ...link });
  }

  setLink(index: number, change: Partial<Link>): void {
    const link = this.links.get(index);
    if (link) this.links.set(index, { ...link, ...change });
  }

  deleteLink(index: number): void {
    this.links.delete(index);
    this.flush(({ link, entry }) => link === index && entry.kind !== 'rule');
  }

  /** By somebody else. */
  add(entry: RoutingEntry, link = OWN_LINK): void {
    this.#entries.set(`${link} ${entryKey(entry)}`, { link, entry });
  }

  /** By somebody else. @returns what was removed. */
  flush(which: (one: { link: number; entry: RoutingEntry }) => boolean): RoutingEntry[] {
    const gone = [...this.#entries].filter(([, one]) => which(one));
    for (const [key] of gone) this.#entries.delete(key);
    return gone.map(([, { entry }]) => entry);
  }

  texts(link = OWN_LINK): string[] {
    return [...this.#entries.values()]
      .filter((one) => one.link === link || one.entry.kind === 'rule')
      .map(({ entry }) => entryText(entry, this.links.get(link)?.name ?? '?'));
  }

  take(): string[] {
    return this.commands.splice(0);
  }

  /** Multicasts that something about the link changed. */
  tellLink(index = OWN_LINK): void {
    this.tell({ type: RTM.NEWLINK, payload: linkPayload(this.links.get(index) ?? { index, name: 'gone' }) });
  }

  tellEntry(type: 'NEW' | 'DEL', entry: RoutingEntry, { link = OWN_LINK, portId = 0 } = {}): void {
    const kind = entry.kind === 'address' ? 'ADDR' : entry.kind === 'route' ? 'ROUTE' : 'RULE';
    this.tell({ type: RTM[`${type}${kind}`], payload: payloadOf(entry, link), portId });
  }

  tell(message: { type: number; payload: Uint8Array; portId?: number }): void {
    this.#events?.onMessages([{ flags: 0, sequence: 0, portId: 0, ...message }]);
  }

  /** As with ENOBUFS. */
  loseWatch(): void {
    this.#events?.onLost(new Error('ENOBUFS'));
  }

  exchange(requests: readonly NetlinkRequest[]): NetlinkOutcome[] {
    return requests.map((request) => this.#work(request));
  }

  dump({ type, payload }: { type: number; payload: Uint8Array }) {
    this.dumps += 1;
    const kind = type === RTM.GETADDR ? 'address' : type === RTM.GETROUTE ? 'route' : 'rule';
    const messages = [...this.#entries.values()]
      .filter(
        ({ entry }) =>
          (entry.kind === kind && payloadOf(entry, 0)[0] === payload[0]) || (kind === 'address' && entry.kind === kind),
      )
      .map(({ link, entry }) => message(payloadOf(entry, link)));
    return { messages, interrupted: false };
  }

  get({ type, payload }: { type: number; payload: Uint8Array }): NetlinkMessage | undefined {
    if (type !== RTM.GETLINK) {
      const bytes = new AttributeMap(payload.subarray(12)).bytes(1);
      const found = [...this.#entries.values()].find(
        ({ link, entry }) =>
          entry.kind === 'route' && link !== OWN_LINK && bytes && Buffer.from(entry.prefix.bytes).equals(bytes),
      );
      return found && message(payloadOf(found.entry, found.link));
    }
    const index = new DataView(payload.buffer, payload.byteOffset).getInt32(4, true);
    const name = new AttributeMap(payload.subarray(16)).string(3);
    const link = index === 0 ? [...this.links.values()].find((one) => one.name === name) : this.links.get(index);
    return link && message(linkPayload(link));
  }

  watch(events: NetlinkWatchEvents): Disposable {
    this.#events = events;
    return { [Symbol.dispose]: () => (this.#events = undefined) };
  }

  [Symbol.dispose](): void {
    this.closed += 1;
  }

  #work({ type, payload, flags = 0 }: NetlinkRequest): NetlinkOutcome {
    if (type === RTM.SETLINK) return this.#setLink(payload);
    const adds = type === RTM.NEWADDR || type === RTM.NEWROUTE || type === RTM.NEWRULE;
    const { entry, link } = entryOf(type, payload);
    const command = `${adds ? 'add' : 'del'} ${entryText(entry, this.links.get(link)?.name ?? '?')}`;
    this.commands.push(command);
    const refused = this.refuse(command);
    if (refused) return { errno: refused[0], code: refused[1], reason: `refused: ${refused[1]}` };
    const key = `${entry.kind === 'rule' ? OWN_LINK : link} ${entryKey(entry)}`;
    if (!adds) {
      const at = entry.kind === 'rule' ? [...this.#entries].find(([, one]) => matches(one.entry, entry))?.[0] : key;
      return at !== undefined && this.#entries.delete(at)
        ? 'done'
        : { errno: 3, code: 'ESRCH', reason: 'no such process' };
    }
    const taken = [...this.#entries.values()].some((one) => entryKey(one.entry) === entryKey(entry));
    if (taken && (flags & 0x200) !== 0) return { errno: 17, code: 'EEXIST', reason: 'exists' };
    this.add(entry, entry.kind === 'rule' ? OWN_LINK : link);
    return 'done';
  }

  #setLink(payload: Uint8Array): NetlinkOutcome {
    const view = new DataView(payload.buffer, payload.byteOffset);
    const index = view.getInt32(4, true);
    const attributes = new AttributeMap(payload.subarray(16));
    const [name, mtu] = [attributes.string(3), attributes.u32(4)];
    const command = [
      'set link',
      ...(name === undefined ? [] : [`name ${name}`]),
      ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
      ...(attributes.has(26) ? ['addrgenmode none'] : []),
      ...(view.getUint32(12, true) === 0 ? [] : [view.getUint32(8, true) ? 'up' : 'down']),
    ].join(' ');
    this.commands.push(command);
    const refused = this.refuse(command);
    if (refused) return { errno: refused[0], code: refused[1], reason: `refused: ${refused[1]}` };
    this.setLink(index, {
      ...(name === undefined ? {} : { name }),
      ...(mtu === undefined ? {} : { mtu }),
      ...(attributes.has(26) ? { quiet: true } : {}),
      ...(view.getUint32(12, true) === 0 ? {} : { up: view.getUint32(8, true) === 1 }),
    });
    return 'done';
  }
}

function matches(entry: RoutingEntry, wanted: RoutingEntry): boolean {
  if (entry.kind !== 'rule' || wanted.kind !== 'rule') return false;
  const byPriority = wanted.rule.action === 'other' && entry.rule.priority === wanted.rule.priority;
  return entry.rule.family === wanted.rule.family && (byPriority || ruleKey(entry.rule) === ruleKey(wanted.rule));
}

function entryOf(type: number, payload: Uint8Array): { entry: RoutingEntry; link: number } {
  if (type === RTM.NEWADDR || type === RTM.DELADDR) {
    const { index, bytes, prefix } = decodeAddress(payload)!;
    return { entry: { kind: 'address', prefix: { bytes, prefix }, table: 0 }, link: index };
  }
  if (type === RTM.NEWROUTE || type === RTM.DELROUTE) {
    const { destination, table, link = 0 } = decodeRoute(payload)!;
    return { entry: { kind: 'route', prefix: destination, table }, link };
  }
  return { entry: { kind: 'rule', rule: decodeRule(payload)! }, link: OWN_LINK };
}

function payloadOf(entry: RoutingEntry, link: number): Uint8Array {
  if (entry.kind === 'rule') return addRule(entry.rule).payload;
  if (entry.kind === 'address') return putAddress({ index: link, ...entry.prefix }).payload;
  return addRoute({ destination: entry.prefix, link, table: entry.table }).payload;
}

function message(payload: Uint8Array): NetlinkMessage {
  return { type: 0, flags: 0, sequence: 0, portId: PORT_ID, payload };
}

function linkPayload({
  index,
  name,
  mtu = 1500,
  up = false,
  ipv6 = 'on',
  quiet = false,
}: Partial<Link> & { index: number; name: string }): Uint8Array {
  const header = new Uint8Array(16);
  new DataView(header.buffer).setInt32(4, index, true);
  header[8] = up ? 1 : 0;
  const settings = new Uint8Array(27 * 4);
  settings[26 * 4] = ipv6 === 'off' ? 1 : 0;
  const inner = [attribute.bytes(2, settings), attribute.u8(8, quiet ? 1 : 0)];
  const families = ipv6 === 'absent' ? [] : [attribute.nested(10, inner)];
  return concat([header, attribute.string(3, name), attribute.u32(4, mtu), attribute.nested(26, families)]);
}
