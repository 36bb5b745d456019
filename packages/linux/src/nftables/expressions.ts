import { attribute } from '../netlink/attributes.js';
import { LITTLE_ENDIAN, viewOf } from '../netlink/message.js';

/**
 * One step of a rule (linux/netfilter/nf_tables.h). Steps run in order over one register, which a loading step fills and the
 * others change, compare or look up; one that does not match ends the rule.
 */
export interface Expression {
  /** As the kernel calls it: `meta`, `cmp`. */
  readonly name: string;
  /** Encoded. */
  readonly attributes: readonly Uint8Array[];
  /** That it looks up. */
  readonly set?: string;
}

export type Verdict = 'accept' | 'drop' | 'return' | { readonly jump: string };

/** NFT_REG_1: 16 bytes. */
const REGISTER = 1;
const VERDICT_REGISTER = 0;

const META_KEYS = { mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;
const CT_KEYS = { state: 0, direction: 1, mark: 3 } as const;
const PAYLOAD_BASES = { network: 1, transport: 2 } as const;
const COMPARISONS = { '==': 0, '!=': 1 } as const;
const VERDICTS = { drop: 0, accept: 1, jump: -3, return: -5 } as const;
const IFNAMSIZ = 16;
const { be32 } = attribute;

/** Names are 16 bytes, numbers 4 in host byte order; `nfproto` and `l4proto` are one byte. */
export function loadMeta(key: keyof typeof META_KEYS): Expression {
  return expression('meta', be32(2, META_KEYS[key]), be32(1, REGISTER));
}

export function setMeta(key: 'mark'): Expression {
  return expression('meta', be32(2, META_KEYS[key]), be32(3, REGISTER));
}

/** Of the packet's connection; a rule that asks for it makes the kernel track connections. */
export function loadConntrack(key: keyof typeof CT_KEYS): Expression {
  return expression('ct', be32(2, CT_KEYS[key]), be32(1, REGISTER));
}

export function setConntrack(key: 'mark'): Expression {
  return expression('ct', be32(2, CT_KEYS[key]), be32(4, REGISTER));
}

/** Bytes of the packet's network or transport header. */
export function loadPayload(base: keyof typeof PAYLOAD_BASES, offset: number, sizeBytes: number): Expression {
  return expression('payload', be32(1, REGISTER), be32(2, PAYLOAD_BASES[base]), be32(3, offset), be32(4, sizeBytes));
}

export function compare(operator: keyof typeof COMPARISONS, value: Uint8Array): Expression {
  return expression('cmp', be32(1, REGISTER), be32(2, COMPARISONS[operator]), data(3, value));
}

/** Both ends belong to the range; in network byte order. */
export function compareRange(first: Uint8Array, last: Uint8Array): Expression {
  return expression('range', be32(1, REGISTER), be32(2, COMPARISONS['==']), data(3, first), data(4, last));
}

/** The register becomes `(register & mask) ^ xor`; all have the same size. */
export function bitwise(mask: Uint8Array, xor: Uint8Array = new Uint8Array(mask.length)): Expression {
  const operands = [be32(1, REGISTER), be32(2, REGISTER), be32(3, mask.length)];
  return expression('bitwise', ...operands, data(4, mask), data(5, xor));
}

/** Whether the register is in a set of the same table. */
export function lookup(set: string): Expression {
  return { ...expression('lookup', attribute.string(1, set), be32(2, REGISTER)), set };
}

export function counter(): Expression {
  return expression('counter', attribute.be64(1, 0n), attribute.be64(2, 0n));
}

/** Ends the rule: the packet passes this chain, is dropped, goes back to where the chain was called, or goes into another. */
export function verdict(what: Verdict): Expression {
  const code =
    typeof what === 'string' ? [be32(1, VERDICTS[what])] : [be32(1, VERDICTS.jump), attribute.string(2, what.jump)];
  return expression('immediate', be32(1, VERDICT_REGISTER), attribute.nested(2, [attribute.nested(2, code)]));
}

/** A number as `meta mark` and `ct mark` have it. */
export function hostU32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, LITTLE_ENDIAN);
  return bytes;
}

/** An interface name as `iifname` and `oifname` have it. @throws RangeError where it is too long for one. */
export function interfaceNameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(IFNAMSIZ);
  const encoded = Buffer.from(name, 'utf8');
  if (encoded.length === 0 || encoded.length >= IFNAMSIZ) throw new RangeError(`no interface name: ${name}`);
  bytes.set(encoded);
  return bytes;
}

/** NFTA_DATA_VALUE in an attribute of this type. */
function data(type: number, value: Uint8Array): Uint8Array {
  return attribute.nested(type, [attribute.bytes(1, value)]);
}

function expression(name: string, ...attributes: Uint8Array[]): Expression {
  return { name, attributes };
}
