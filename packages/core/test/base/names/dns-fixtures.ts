import { createRequire } from 'node:module';

interface Packet {
  encode(message: object): Buffer;
  decode(bytes: Buffer): { id: number; questions: { name: string; type: string }[] };
}
export const packet = createRequire(new URL('../../../src/index.ts', import.meta.url))('dns-packet') as Packet;

export interface Zone {
  readonly [name: string]: {
    readonly A?: readonly string[];
    readonly AAAA?: readonly string[];
    readonly CNAME?: string;
    readonly rcode?: 'SERVFAIL' | 'REFUSED';
    readonly truncated?: boolean;
  };
}

const RCODES = { SERVFAIL: 2, REFUSED: 5, NXDOMAIN: 3 } as const;
const TRUNCATED = 1 << 9;

/** What a resolver that follows no alias says of a question. */
export function answerFrom(zone: Zone, query: Uint8Array, { ttl = 60 } = {}): Buffer {
  const { id, questions } = packet.decode(Buffer.from(query));
  const [{ name, type } = { name: '', type: '' }] = questions;
  const entry = zone[name.toLowerCase()];
  const flags =
    entry === undefined
      ? RCODES.NXDOMAIN
      : (entry.rcode === undefined ? 0 : RCODES[entry.rcode]) | (entry.truncated === true ? TRUNCATED : 0);
  const records = (entry?.[type as 'A' | 'AAAA'] ?? []).map((data) => ({ name, type, ttl, data }));
  const alias = entry?.CNAME === undefined ? [] : [{ name, type: 'CNAME', ttl, data: entry.CNAME }];
  return packet.encode({ type: 'response', id, flags, questions, answers: [...alias, ...records] });
}
