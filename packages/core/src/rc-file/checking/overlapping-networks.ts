import { networkOf, type Cidr } from '../../base/addresses/cidr.js';
import { seenFrom, type Place } from './peer-list.js';

type Path = readonly PropertyKey[];

/** A peer's network, with where it stands. */
export interface PlacedNetwork {
  readonly cidr: Cidr;
  readonly of: Place;
  readonly path: Path;
}

interface Positioned extends PlacedNetwork {
  readonly position: number;
}

/**
 * Of two peers with one network the later would silently win; a network within another is routed by its longer prefix. Each
 * network is looked up once for every prefix length in use, so ten thousand peers take ten times as long as a thousand.
 */
export function checkOverlaps(networks: readonly PlacedNetwork[]): void {
  const byNetwork = new Map<string, Positioned[]>();
  const prefixes = { 4: new Set<number>(), 6: new Set<number>() };
  for (const [position, placed] of networks.entries()) {
    const { cidr, of, path } = placed;
    prefixes[cidr.family].add(cidr.prefix);
    const holders = byNetwork.get(cidr.network) ?? [];
    byNetwork.set(cidr.network, holders);
    const other = holders.find((holder) => holder.of !== of);
    if (other !== undefined) {
      const found = `${cidr.network}, also of ${seenFrom(of, other.of)}`;
      of.list.problems.add(path, 'a network that no other peer has', { found });
    }
    // Two owners are enough to tell anyone of another than himself.
    if (other === undefined && holders.every((holder) => holder.of !== of)) holders.push({ ...placed, position });
    else if (holders.length === 1 && other !== undefined) holders.push({ ...placed, position });
  }
  const longestFirst = { 4: [...prefixes[4]].sort(descending), 6: [...prefixes[6]].sort(descending) };
  const inners = new Map<Positioned, { first: Positioned; count: number }>();
  for (const [position, { cidr, of, path }] of networks.entries()) {
    const outer = enclosing(cidr, of, longestFirst[cidr.family], byNetwork);
    if (outer === undefined) continue;
    if (outer.position < position) warn({ cidr, of, path }, outer, 0);
    else {
      const known = inners.get(outer);
      if (known === undefined) inners.set(outer, { first: { cidr, of, path, position }, count: 1 });
      else known.count += 1;
    }
  }
  for (const [outer, { first, count }] of inners) warn(outer, first, count - 1);
}

/** The nearest network of another peer around this one; everything (a prefix of 0) does not count. */
function enclosing(
  cidr: Cidr,
  of: Place,
  longestFirst: readonly number[],
  byNetwork: ReadonlyMap<string, readonly Positioned[]>,
): Positioned | undefined {
  for (const prefix of longestFirst) {
    if (prefix >= cidr.prefix || prefix === 0) continue;
    const found = byNetwork.get(networkOf(cidr, prefix))?.find((holder) => holder.of !== of);
    if (found !== undefined) return found;
  }
  return undefined;
}

function warn({ of, path }: PlacedNetwork, other: PlacedNetwork, more: number): void {
  const others = more === 0 ? '' : ` and ${more} more`;
  const what = `${seenFrom(of, other.of)} (${other.cidr.network})${others}`;
  of.list.problems.warn(path, `overlaps ${what}: the longer prefix wins`);
}

const descending = (a: number, b: number): number => b - a;
