import { createRequire } from 'node:module';
import { tryTransportAddress } from '@wirepath/stun-codec';
import { isDnsName, canonicalName, sameName } from './dns-name.js';

export type AddressType = 'A' | 'AAAA';

/** What is asked for, and by which random number the answer is known. */
export interface DnsQuery {
  readonly id: number;
  readonly name: string;
  readonly type: AddressType;
}

export type DnsAnswer =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly ttlSeconds: number }
  /** The name stands for another one, of which the answer says nothing. */
  | { readonly kind: 'alias'; readonly target: string; readonly ttlSeconds: number }
  /** There is no such name, or it has no address of the type. */
  | { readonly kind: 'nothing'; readonly reason: 'no such name' | 'no address' }
  /** It did not fit the datagram. */
  | { readonly kind: 'truncated' }
  /** The server cannot or will not say: `SERVFAIL`. */
  | { readonly kind: 'failed'; readonly reason: string };

interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly class?: string;
  readonly ttl?: number;
  readonly data?: unknown;
}

interface DnsMessage {
  readonly id: number;
  readonly type: 'query' | 'response';
  readonly opcode: string;
  readonly flag_tc: boolean;
  readonly rcode: string;
  readonly questions: readonly DnsRecord[];
  readonly answers: readonly DnsRecord[];
}

interface DnsPacket {
  readonly RECURSION_DESIRED: number;
  encode(message: object): Buffer;
  decode(bytes: Buffer): DnsMessage;
}

const dnsPacket = createRequire(import.meta.url)('dns-packet') as DnsPacket;

const HEADER_BYTES = 12;
const AUTHORITY_COUNT_AT = 8;
const ADDITIONAL_COUNT_AT = 10;
const ANSWERS_MAX = 256;
const ADDRESSES_MAX = 32;
const ALIASES_MAX = 8;
const NO_SUCH_NAME = 'NXDOMAIN';

export function encodeDnsQuery({ id, name, type }: DnsQuery): Uint8Array {
  const questions = [{ type, name, class: 'IN' }];
  return dnsPacket.encode({ type: 'query', id, flags: dnsPacket.RECURSION_DESIRED, questions });
}

/**
 * Reads what came from the server that was asked. Only a response to exactly this question counts (RFC 5452): its id, its
 * name in whatever case, its type. Chains of CNAME are followed within the answer; records of other names are passed over.
 * @returns undefined for anything else, however it came about.
 */
export function readDnsAnswer(bytes: Uint8Array, query: DnsQuery): DnsAnswer | undefined {
  const message = decode(bytes);
  if (message === undefined || message.type !== 'response' || message.opcode !== 'QUERY') return undefined;
  const [question, ...others] = message.questions;
  if (message.id !== query.id || question === undefined || others.length > 0) return undefined;
  if (question.type !== query.type || question.class !== 'IN' || !sameName(question.name, query.name)) return undefined;
  if (message.flag_tc) return { kind: 'truncated' };
  if (message.rcode !== 'NOERROR' && message.rcode !== NO_SUCH_NAME) return { kind: 'failed', reason: message.rcode };
  const found = follow(message.answers, query);
  if (found !== undefined) return found;
  return { kind: 'nothing', reason: message.rcode === NO_SUCH_NAME ? 'no such name' : 'no address' };
}

/** @returns undefined for what is no message, and for one that would be costly to take apart. */
function decode(bytes: Uint8Array): DnsMessage | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  // What comes after the answers is of no interest, so nothing in it can spoil them.
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(0, AUTHORITY_COUNT_AT);
  copy.writeUInt16BE(0, ADDITIONAL_COUNT_AT);
  if (copy.readUInt16BE(4) !== 1 || copy.readUInt16BE(6) > ANSWERS_MAX) return undefined;
  try {
    return dnsPacket.decode(copy);
  } catch {
    // Anybody can send anything.
    return undefined;
  }
}

function follow(answers: readonly DnsRecord[], { name, type }: DnsQuery): DnsAnswer | undefined {
  let current = canonicalName(name);
  let ttlSeconds = Infinity;
  for (let step = 0; step <= ALIASES_MAX; step += 1) {
    const own = answers.filter((record) => record.class === 'IN' && sameName(record.name, current));
    const records = own.filter((record) => record.type === type);
    if (records.length > 0) {
      const addresses = [...new Set(records.flatMap(({ data }) => addressOf(data, type) ?? []))].slice(
        0,
        ADDRESSES_MAX,
      );
      return addresses.length === 0
        ? undefined
        : { kind: 'addresses', addresses, ttlSeconds: least(ttlSeconds, records) };
    }
    const alias = own.find((record) => record.type === 'CNAME');
    if (alias === undefined || typeof alias.data !== 'string') break;
    const target = canonicalName(alias.data);
    if (!isDnsName(target)) return undefined;
    ttlSeconds = least(ttlSeconds, [alias]);
    current = target;
  }
  return current === canonicalName(name) ? undefined : { kind: 'alias', target: current, ttlSeconds };
}

function addressOf(data: unknown, type: AddressType): string | undefined {
  const address = typeof data === 'string' ? tryTransportAddress(data, 0) : undefined;
  return address?.family === (type === 'A' ? 4 : 6) ? address.ip : undefined;
}

function least(ttlSeconds: number, records: readonly DnsRecord[]): number {
  return Math.min(ttlSeconds, ...records.map(({ ttl }) => Math.max(0, ttl ?? 0)));
}
