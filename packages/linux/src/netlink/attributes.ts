import { aligned, LITTLE_ENDIAN, viewOf } from './message.js';

/** struct nlattr: u16 length (header included), u16 type. */
const HEADER_BYTES = 4;
const NLA_F_NESTED = 0x8000;
/** Without the flags NESTED and NET_BYTEORDER. */
const TYPE_MASK = 0x3fff;

/**
 * Encoders of one attribute each, padded. `u16`, `u32` and `u64` are in the machine's order, as most families want them;
 * `be16`, `be32` and `be64` in network order, as netfilter does.
 */
export const attribute = {
  bytes: (type: number, value: Uint8Array): Uint8Array => {
    const sizeBytes = HEADER_BYTES + value.length;
    const bytes = new Uint8Array(aligned(sizeBytes));
    const view = viewOf(bytes);
    view.setUint16(0, sizeBytes, LITTLE_ENDIAN);
    view.setUint16(2, type, LITTLE_ENDIAN);
    bytes.set(value, HEADER_BYTES);
    return bytes;
  },
  flag: (type: number): Uint8Array => attribute.bytes(type, new Uint8Array(0)),
  u8: (type: number, value: number): Uint8Array => attribute.bytes(type, Uint8Array.of(value)),
  u16: (type: number, value: number): Uint8Array => number(type, 2, (view) => view.setUint16(0, value, LITTLE_ENDIAN)),
  u32: (type: number, value: number): Uint8Array => number(type, 4, (view) => view.setUint32(0, value, LITTLE_ENDIAN)),
  u64: (type: number, value: bigint): Uint8Array =>
    number(type, 8, (view) => view.setBigUint64(0, value, LITTLE_ENDIAN)),
  be16: (type: number, value: number): Uint8Array => number(type, 2, (view) => view.setUint16(0, value)),
  be32: (type: number, value: number): Uint8Array => number(type, 4, (view) => view.setUint32(0, value)),
  be64: (type: number, value: bigint): Uint8Array => number(type, 8, (view) => view.setBigUint64(0, value)),
  /** With the closing NUL. */
  string: (type: number, text: string): Uint8Array => attribute.bytes(type, Buffer.from(`${text}\0`)),
  nested: (type: number, attributes: readonly Uint8Array[]): Uint8Array =>
    attribute.bytes(type | NLA_F_NESTED, concat(attributes)),
};

function number(type: number, sizeBytes: number, write: (view: DataView) => void): Uint8Array {
  const value = new Uint8Array(sizeBytes);
  write(viewOf(value));
  return attribute.bytes(type, value);
}

/** One after another, as they are. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export interface Attribute {
  /** Without flags. */
  readonly type: number;
  /** A view into what it was read from. */
  readonly value: Uint8Array;
}

/** In their order, also where a type occurs twice; what is not whole ends the list. */
export function decodeAttributes(bytes: Uint8Array): Attribute[] {
  const view = viewOf(bytes);
  const attributes: Attribute[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const sizeBytes = view.getUint16(at, LITTLE_ENDIAN);
    if (sizeBytes < HEADER_BYTES || at + sizeBytes > bytes.length) break;
    attributes.push({
      type: view.getUint16(at + 2, LITTLE_ENDIAN) & TYPE_MASK,
      value: bytes.subarray(at + HEADER_BYTES, at + sizeBytes),
    });
    at += aligned(sizeBytes);
  }
  return attributes;
}

/** Attributes by type, of which each occurs once: the last one counts. What is absent or too short is undefined. */
export class AttributeMap {
  readonly #values: ReadonlyMap<number, Uint8Array>;

  constructor(bytes: Uint8Array) {
    this.#values = new Map(decodeAttributes(bytes).map(({ type, value }) => [type, value]));
  }

  has(type: number): boolean {
    return this.#values.has(type);
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#values.get(type);
  }

  u8(type: number): number | undefined {
    return this.#values.get(type)?.[0];
  }

  u16(type: number): number | undefined {
    return this.#read(type, 2, (view) => view.getUint16(0, LITTLE_ENDIAN));
  }

  u32(type: number): number | undefined {
    return this.#read(type, 4, (view) => view.getUint32(0, LITTLE_ENDIAN));
  }

  be32(type: number): number | undefined {
    return this.#read(type, 4, (view) => view.getUint32(0));
  }

  be64(type: number): bigint | undefined {
    return this.#read(type, 8, (view) => view.getBigUint64(0));
  }

  /** Up to its closing NUL. */
  string(type: number): string | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return Buffer.from(end === -1 ? value : value.subarray(0, end)).toString('utf8');
  }

  nested(type: number): AttributeMap | undefined {
    const value = this.#values.get(type);
    return value && new AttributeMap(value);
  }

  #read<Value>(type: number, sizeBytes: number, read: (view: DataView) => Value): Value | undefined {
    const value = this.#values.get(type);
    return value === undefined || value.length < sizeBytes ? undefined : read(viewOf(value));
  }
}
