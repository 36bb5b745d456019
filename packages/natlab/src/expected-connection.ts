import { NAT_BEHAVIOR, type UdpNatKind } from './network/nat-kind.js';
import type { Connection } from './wirepath/connection-log.js';

export interface ExpectedConnections {
  /** What A shall call its path to B, in the end. */
  readonly a: Connection;
  /** What B shall call its path to A. */
  readonly b: Connection;
  /** There is no such path but by many sockets against many guesses: relayed first, and chance has a part in it. */
  readonly hardNat: boolean;
}

/** The best path there can be between two sites with STUN and a relay, from what their NATs do. */
export function expectedConnections(a: UdpNatKind, b: UdpNatKind): ExpectedConnections {
  const chance = isHardAgainst(a, b) || isHardAgainst(b, a);
  const both = mapsPerDestination(a) && mapsPerDestination(b);
  return { a: seenFrom(b, both), b: seenFrom(a, both), hardNat: chance && !both };
}

/** A host without a NAT is reached at an address of its own, one behind a NAT at an address of the NAT. */
function seenFrom(peer: UdpNatKind, relayed: boolean): Connection {
  if (relayed) return 'relayed';
  return peer === 'none' ? 'direct' : 'hole-punched';
}

function mapsPerDestination(kind: UdpNatKind): boolean {
  return NAT_BEHAVIOR[kind].mapping === 'address-and-port-dependent';
}

/** The other lets in only the port that it has sent to, and this one's port toward it is known to nobody. */
function isHardAgainst(kind: UdpNatKind, other: UdpNatKind): boolean {
  return mapsPerDestination(kind) && NAT_BEHAVIOR[other].filtering === 'address-and-port-dependent';
}
