import { networkInterfaces } from 'node:os';

/** A unicast address of an interface of this machine that is up. */
export interface LocalAddress {
  readonly family: 4 | 6;
  /** Canonical text, without a zone. */
  readonly ip: string;
  readonly interfaceName: string;
}

/**
 * This machine's addresses, in the system's order; without IPv6's link-local ones, which are no addresses without their
 * link, and between which the system chooses by that link.
 * @throws the system's error where it does not list them.
 */
export function localAddresses(): LocalAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([interfaceName, addresses = []]) =>
    addresses
      .filter(({ family, address }) => family === 'IPv4' || !/^fe[89ab]/i.test(address))
      .map(({ family, address }) => ({ family: family === 'IPv4' ? 4 : 6, ip: address, interfaceName })),
  );
}
