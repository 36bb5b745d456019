import type { Cidr } from '@wirepath/core/plugin';
import type { Interval } from '@wirepath/linux';

type Family = Cidr['family'];

/** Both ends belong to it. */
export interface AddressRange {
  readonly first: bigint;
  readonly last: bigint;
}

const BITS = { 4: 32, 6: 128 } as const;

export function rangeOf({ bytes, prefix, family }: Cidr): AddressRange {
  const first = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { first, last: first | ((1n << BigInt(BITS[family] - prefix)) - 1n) };
}

/** The addresses of these networks, as few ranges as possible, in order. */
export function rangesOf(networks: readonly Cidr[], family: Family): AddressRange[] {
  return merged(networks.filter((network) => network.family === family).map(rangeOf));
}

export function allAddresses(family: Family): AddressRange {
  return { first: 0n, last: (1n << BigInt(BITS[family])) - 1n };
}

export function isEverything([only, ...others]: readonly AddressRange[], family: Family): boolean {
  return only !== undefined && others.length === 0 && only.first === 0n && only.last === allAddresses(family).last;
}

/** What is left of a range without others, which may overlap. */
export function without(range: AddressRange, others: readonly AddressRange[]): AddressRange[] {
  const left: AddressRange[] = [];
  let next = range.first;
  for (const { first, last } of merged(others)) {
    if (last < next || first > range.last) continue;
    if (first > next) left.push({ first: next, last: first - 1n });
    next = last + 1n;
  }
  if (next <= range.last) left.push({ first: next, last: range.last });
  return left;
}

export function contains(outer: AddressRange, inner: AddressRange): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

/** As few as possible, in order. */
export function merged(ranges: readonly AddressRange[]): AddressRange[] {
  const result: AddressRange[] = [];
  for (const range of [...ranges].sort((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = result.at(-1);
    if (before === undefined || range.first > before.last + 1n) result.push(range);
    else if (range.last > before.last) result[result.length - 1] = { first: before.first, last: range.last };
  }
  return result;
}

export function toInterval({ first, last }: AddressRange, family: Family): Interval {
  return { first: toBytes(first, family), last: toBytes(last, family) };
}

function toBytes(address: bigint, family: Family): Uint8Array {
  const bytes = new Uint8Array(BITS[family] / 8);
  let left = address;
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = Number(left & 255n);
    left >>= 8n;
  }
  return bytes;
}
