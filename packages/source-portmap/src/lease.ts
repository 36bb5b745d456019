import type { Mapping } from './protocol/inquiry.js';
import type { Standpoint } from './edge/gateway-link.js';

/** However short a lifetime is granted, a gateway is not asked more often. */
const SHORTEST_RENEWAL_MS = 1000;

/** A mapping that a gateway granted, where, and when. */
export interface Lease {
  readonly at: Standpoint;
  readonly mapping: Mapping;
  readonly grantedAtMs: number;
}

/** Half of its life (RFC 6886 3.3; RFC 6887 11.2.1). */
export function renewAt({ mapping, grantedAtMs }: Lease): number {
  return grantedAtMs + Math.max(SHORTEST_RENEWAL_MS, mapping.lifetimeMs / 2);
}

export function isOver({ mapping, grantedAtMs }: Lease, nowMs: number): boolean {
  return nowMs >= grantedAtMs + mapping.lifetimeMs;
}

export function sameStandpoint(a: Standpoint, b: Standpoint): boolean {
  return a.gatewayIp === b.gatewayIp && a.clientIp === b.clientIp && a.internalPort === b.internalPort;
}
