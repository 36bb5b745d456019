import { isUniqueLocal, type LocalAddress } from './network-state.js';

/**
 * Orders addresses of links of equal rank: IPv6 before IPv4 (RFC 8421) before unique local IPv6 (RFC 6724), and
 * privacy addresses before stable ones (RFC 8445 5.1.1.1). For a stable sort: otherwise the system's order holds.
 */
export function byAddressPreference(a: LocalAddress, b: LocalAddress): number {
  return reach(a) - reach(b) || Number(b.temporary) - Number(a.temporary);
}

function reach(address: LocalAddress): number {
  if (address.family === 4) return 1;
  return isUniqueLocal(address.ip) ? 2 : 0;
}
