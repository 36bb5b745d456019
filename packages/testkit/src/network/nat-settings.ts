import type { NatDependence } from '@wirepath/core';

/** What a NAT does, in the terms of RFC 4787. */
export interface NatSettings {
  /** What, of the other side, a mapping depends on (4.1). */
  readonly mapping: NatDependence;
  /** What, of the other side, the filter looks at (5). */
  readonly filtering: NatDependence;
  /** Which outside port a new mapping gets: the inside one where that is free, the next, or any (4.2). */
  readonly ports: 'preserve' | 'sequential' | 'random';
  /** A mapping or an entry of the filter that nothing went out on for so long is forgotten (4.3). @default 120000 */
  readonly lifetimeMs?: number;
  /** Two hosts inside reach each other by their outside addresses (6). @default false */
  readonly hairpinning?: boolean;
}

/** Names that people use for the common kinds. */
export const NATS = {
  fullCone: { mapping: 'endpoint-independent', filtering: 'endpoint-independent', ports: 'preserve' },
  addressRestricted: { mapping: 'endpoint-independent', filtering: 'address-dependent', ports: 'preserve' },
  portRestricted: { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent', ports: 'preserve' },
  symmetric: { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent', ports: 'random' },
} as const satisfies Record<string, NatSettings>;
