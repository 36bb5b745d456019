import {
  bitwise,
  compare,
  compareRange,
  counter,
  hostU32,
  interfaceNameBytes,
  loadConntrack,
  loadMeta,
  loadPayload,
  lookup,
  setConntrack,
  setMeta,
  verdict,
  type Expression,
  type Rule,
  type Verdict,
} from '@wirepath/linux';

export type Family = 4 | 6;

const NFPROTO = { 4: 2, 6: 10 } as const;
const DESTINATION = { 4: { offset: 16, sizeBytes: 4 }, 6: { offset: 24, sizeBytes: 16 } } as const;
const HOP_LIMIT_OFFSET = 7;
const ICMPV6 = 58;
export const PROTOCOLS = { tcp: 6, udp: 17 } as const;

/** A rule from its steps. */
export function rule(comment: string | undefined, ...steps: readonly (Expression | readonly Expression[])[]): Rule {
  const expressions = steps.flat();
  return comment === undefined ? { expressions } : { expressions, comment };
}

export const accept = verdict('accept');
/** Counted. */
export const drop: readonly Expression[] = [counter(), verdict('drop')];
export const jump = (chain: string) => verdict({ jump: chain } satisfies Verdict);

export function outBy(interfaceName: string): Expression[] {
  return [loadMeta('oifname'), compare('==', interfaceNameBytes(interfaceName))];
}

export function notInBy(interfaceName: string): Expression[] {
  return [loadMeta('iifname'), compare('!=', interfaceNameBytes(interfaceName))];
}

export function ofFamily(family: Family): Expression[] {
  return [loadMeta('nfproto'), compare('==', Uint8Array.of(NFPROTO[family]))];
}

export function destinationIn(set: string, family: Family): Expression[] {
  const { offset, sizeBytes } = DESTINATION[family];
  return [...ofFamily(family), loadPayload('network', offset, sizeBytes), lookup(set)];
}

export function ofProtocol(protocol: keyof typeof PROTOCOLS): Expression[] {
  return [loadMeta('l4proto'), compare('==', Uint8Array.of(PROTOCOLS[protocol]))];
}

export function fromPort(port: number): Expression[] {
  return [loadPayload('transport', 0, 2), compare('==', networkU16(port))];
}

export function toPort(port: number): Expression[] {
  return [loadPayload('transport', 2, 2), compare('==', networkU16(port))];
}

/** ICMPv6 that no router passes on: it bears the hop limit that only a neighbour's has. */
export function neighbourly(hopLimit: number, firstType: number, lastType: number): Expression[] {
  return [
    ...ofFamily(6),
    loadPayload('network', HOP_LIMIT_OFFSET, 1),
    compare('==', Uint8Array.of(hopLimit)),
    loadMeta('l4proto'),
    compare('==', Uint8Array.of(ICMPV6)),
    loadPayload('transport', 0, 1),
    compareRange(Uint8Array.of(firstType), Uint8Array.of(lastType)),
  ];
}

/** A firewall mark: the bits of `mask` are `value`'s. */
export interface Mark {
  readonly value: number;
  readonly mask: number;
}

export function marked(where: 'packet' | 'connection', { value, mask }: Mark): Expression[] {
  const load = where === 'packet' ? loadMeta('mark') : loadConntrack('mark');
  return [load, bitwise(hostU32(mask)), compare('==', hostU32(value))];
}

/** Gives the packet or its connection the mark; the other bits of what it had stay. */
export function mark(where: 'packet' | 'connection', { value, mask }: Mark): Expression[] {
  const set = bitwise(hostU32(~mask >>> 0), hostU32(value));
  return where === 'packet'
    ? [loadMeta('mark'), set, setMeta('mark')]
    : [loadConntrack('mark'), set, setConntrack('mark')];
}

function networkU16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 255);
}
