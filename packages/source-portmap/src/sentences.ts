import { scopeOf, type TransportAddress } from '@wirepath/core/plugin';
import type { Lease } from './lease.js';
import type { Standpoint } from './edge/gateway-link.js';
import { PROTOCOL_NAMES, type Outcome } from './protocol/inquiry.js';

type Failure = Extract<Outcome, { kind: 'failed' }>;

const CURE = 'put the gateway into bridge mode, or forward the UDP port on the outer one too';

/**
 * Whether the gateway stands behind another NAT: its external address is private, or not the one that servers see.
 * @param reflexive this node as servers see it. @returns a sentence with the cure; undefined where it does not.
 */
export function doubleNat({ at, mapping }: Lease, reflexive: readonly TransportAddress[]): string | undefined {
  const { external, protocol } = mapping;
  if (at.family !== 4) return undefined;
  const begin = `the gateway ${at.gatewayIp} maps ports (${PROTOCOL_NAMES[protocol]}), but stands behind another NAT:`;
  if (scopeOf(external) !== 'global') return `${begin} its external address ${external.ip} is private; ${CURE}`;
  const seen = reflexive.filter(({ family }) => family === 4).map(({ ip }) => ip);
  if (seen.length === 0 || seen.includes(external.ip)) return undefined;
  return `${begin} its external address is ${external.ip}, and servers see ${[...new Set(seen)].join(', ')}; ${CURE}`;
}

/** Why there is no mapping. @returns undefined where that is nobody's trouble: a router of IPv6 that knows no pinholes. */
export function noMapping(at: Standpoint, failures: readonly Failure[]): string | undefined {
  const silent = failures.filter((failure) => failure.silent);
  const told = failures.filter((failure) => !failure.silent && failure.reason !== 'it speaks NAT-PMP');
  const names = (list: readonly Failure[]) => list.map(({ protocol }) => PROTOCOL_NAMES[protocol]).join(', ');
  if (told.length === 0) {
    if (at.family === 6 || silent.length === 0) return undefined;
    return `the gateway ${at.gatewayIp} maps no ports: it does not answer ${names(silent)}; switch one of them on there, or forward a UDP port to ${at.clientIp} port ${at.internalPort} by hand`;
  }
  const reasons = told.map(({ protocol, reason }) => `${PROTOCOL_NAMES[protocol]}: ${reason}`).join('; ');
  return `the gateway ${at.gatewayIp} maps no port to ${at.clientIp}:${at.internalPort}: ${reasons}`;
}
