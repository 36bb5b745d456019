import { sameAddress, type NatDependence, type TransportAddress } from '@wirepath/core/plugin';
import type { BindingOutcome } from './stun-client.js';

/** One base, as it was seen from one address. */
export interface Observation {
  readonly from: TransportAddress;
  readonly mapped: TransportAddress;
}

/**
 * Mapping behaviour (RFC 4787, section 4.1) from what several addresses saw of one base.
 *
 * Two IP addresses that saw the same are proof that the mapping does not depend on them, whatever a third one says: it may
 * lie, they cannot have agreed by chance. Where no two ports of one IP address were asked, a mapping that depends on the
 * address is taken for one that depends on the port too: that is what NATs do.
 * @returns null where the observations do not suffice.
 */
export function judgeMapping(observations: readonly Observation[]): NatDependence | null {
  let sameIp: 'untold' | 'agree' | 'differ' = 'untold';
  let otherIp: 'untold' | 'differ' = 'untold';
  for (const [index, one] of observations.entries()) {
    for (const other of observations.slice(index + 1)) {
      if (sameAddress(one.from, other.from)) continue;
      const agree = sameAddress(one.mapped, other.mapped);
      if (one.from.ip !== other.from.ip) {
        if (agree) return 'endpoint-independent';
        otherIp = 'differ';
      } else if (agree) sameIp = 'agree';
      else if (sameIp === 'untold') sameIp = 'differ';
    }
  }
  if (sameIp === 'differ') return 'address-and-port-dependent';
  if (otherIp === 'untold') return null;
  return sameIp === 'agree' ? 'address-dependent' : 'address-and-port-dependent';
}

/** What became of requests that were to be answered from elsewhere than where they went. */
export interface FilteringTests {
  /** From another IP address and port. */
  readonly ipAndPort: BindingOutcome;
  /** From another port of the same IP address. */
  readonly port: BindingOutcome;
}

/**
 * Filtering behaviour (RFC 4787, section 5).
 * @returns null where the server did not do what it was asked to.
 */
export function judgeFiltering({ ipAndPort, port }: FilteringTests): NatDependence | null {
  if (ipAndPort.kind === 'answered') return 'endpoint-independent';
  if (ipAndPort.kind !== 'silent') return null;
  if (port.kind === 'answered') return 'address-dependent';
  return port.kind === 'silent' ? 'address-and-port-dependent' : null;
}
