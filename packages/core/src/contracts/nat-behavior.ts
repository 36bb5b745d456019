import { formatAddress, type TransportAddress } from '@wirepath/stun-codec';

/** RFC 4787 4.1 and 5: how mapping or filtering depends on the other side. */
export const NAT_DEPENDENCES = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const;
export type NatDependence = (typeof NAT_DEPENDENCES)[number];

/** The behaviour of the NAT (or NATs) in front of this node; null where it is not known. */
export interface NatBehavior {
  readonly mapping: NatDependence | null;
  readonly filtering: NatDependence | null;
  /** For how long a mapping that nothing goes over is known to be remembered (RFC 4787 4.3), ms; absent where not learnt. */
  readonly bindingLifetimeMs?: number;
}

/** Whether every destination gets a mapping of its own (a "symmetric" NAT); undefined where that is not known. */
export function mapsPerDestination({ mapping }: NatBehavior): boolean | undefined {
  return mapping === null ? undefined : mapping !== 'endpoint-independent';
}

/** The part of the other side's address that makes a difference to a mapping or a filter: the same text, the same entry. */
export function dependsOn(dependence: NatDependence, remote: TransportAddress): string {
  switch (dependence) {
    case 'endpoint-independent':
      return '';
    case 'address-dependent':
      return remote.ip;
    case 'address-and-port-dependent':
      return formatAddress(remote);
  }
}
