import { isIP } from 'node:net';
import { libc } from '../libc/libc.js';

const AF_INET = 2;
const AF_INET6 = 10;

/** Where a datagram comes from or goes to: as text, for people and maps, and as the kernel writes it. Immutable. */
export interface SocketAddress {
  readonly family: 4 | 6;
  /** Canonical (RFC 5952); link-local with its interface: `fe80::1%eth0`. */
  readonly ip: string;
  readonly port: number;
  /** struct sockaddr_in (4 words) or sockaddr_in6 (7), in the byte order of this machine. */
  readonly words: Uint32Array;
}

/** @throws RangeError for what is no IP address. */
export function socketAddress(ip: string, port: number): SocketAddress {
  const [address = '', zone] = ip.split('%');
  const version = isIP(address);
  if (version === 4) {
    const words = new Uint32Array(4);
    const view = new DataView(words.buffer);
    view.setUint16(0, AF_INET, true);
    view.setUint16(2, port);
    address.split('.').forEach((part, i) => view.setUint8(4 + i, Number(part)));
    return { family: 4, ip, port, words };
  }
  if (version !== 6) throw new RangeError(`not an IP address: ${ip}`);
  const words = new Uint32Array(7);
  const view = new DataView(words.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port);
  groupsOf(address).forEach((group, i) => view.setUint16(8 + 2 * i, group));
  if (zone !== undefined) view.setUint32(24, /^\d+$/.test(zone) ? Number(zone) : libc().if_nametoindex(zone), true);
  return { family: 6, ip, port, words };
}

type NameOf = (index: number) => string | undefined;

/** What the kernel wrote. @param nameOf an interface's name by its index; undefined where there is none. */
export function socketAddressOf(words: Uint32Array, nameOf: NameOf): SocketAddress {
  return new KernelAddress(words, nameOf);
}

/** Its text is made when somebody asks for it: of most that a flood comes from, nobody does. */
class KernelAddress implements SocketAddress {
  readonly family: 4 | 6;
  readonly port: number;
  readonly words: Uint32Array;
  readonly #nameOf: NameOf;
  #ip: string | undefined;

  constructor(words: Uint32Array, nameOf: NameOf) {
    const first = words[0] ?? 0;
    this.family = words.length === 4 ? 4 : 6;
    this.port = ((first >>> 8) & 0xff00) | (first >>> 24);
    this.words = words;
    this.#nameOf = nameOf;
  }

  get ip(): string {
    return (this.#ip ??= this.#text());
  }

  #text(): string {
    const view = new DataView(this.words.buffer, this.words.byteOffset, this.words.byteLength);
    if (this.family === 4) return [4, 5, 6, 7].map((at) => view.getUint8(at)).join('.');
    const scope = view.getUint32(24, true);
    const zone = scope === 0 ? '' : `%${this.#nameOf(scope) ?? scope}`;
    return formatGroups(Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i))) + zone;
  }
}

/** The eight groups of an IPv6 address that is known to be one; its last two may be written as IPv4. */
function groupsOf(text: string): number[] {
  const v4 = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const plain =
    v4 === null ? text : `${v4[1] ?? ''}${pair(Number(v4[2]), Number(v4[3]))}:${pair(Number(v4[4]), Number(v4[5]))}`;
  const [head = '', tail] = plain.split('::');
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const [before, after] = [parse(head), parse(tail ?? '')];
  if (tail === undefined) return before;
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function pair(high: number, low: number): string {
  return ((high << 8) | low).toString(16);
}

/** RFC 5952, as libuv's inet_ntop and so node:dgram has it: the first longest run of at least two zero groups becomes `::`. */
function formatGroups(groups: readonly number[]): string {
  let best = { at: 0, length: 0 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
    at += length;
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  // IPv4-compatible and IPv4-mapped addresses (RFC 4291, 2.5.5).
  const isMapped = best.length === 5 && groups[5] === 0xffff;
  if (best.at === 0 && (best.length === 6 || isMapped)) {
    const [high = 0, low = 0] = groups.slice(6);
    return `::${isMapped ? 'ffff:' : ''}${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  if (best.length < 2) return text(groups);
  return `${text(groups.slice(0, best.at))}::${text(groups.slice(best.at + best.length))}`;
}
