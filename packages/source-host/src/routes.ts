import { transportAddress } from '@wirepath/core/plugin';

/** One line of the kernel's table that packets can take; rejecting and dead routes are left out by the parsers. */
export interface Route {
  readonly interfaceName: string;
  readonly family: 4 | 6;
  /** Canonical IP of the network; `0.0.0.0` or `::` for the default route. */
  readonly destination: string;
  readonly prefixLength: number;
  /** Undefined where the destination is on the link itself. */
  readonly gateway?: string;
  /** Lower is preferred; comparable within one family only. */
  readonly metric: number;
}

// linux/route.h
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;

/**
 * Reads `/proc/net/route`: the main table, so that policy rules of a mesh do not show. Addresses are words of the host,
 * printed as hex: the first byte of the address is the last one printed on little-endian machines, all that Node runs
 * Linux on but s390x.
 */
export function parseIpv4Routes(text: string, endianness: 'LE' | 'BE' = 'LE'): Route[] {
  const routes: Route[] = [];
  for (const line of text.split('\n')) {
    const [interfaceName, destination, gateway, flagsHex, , , metricText, mask] = line.trim().split(/\s+/);
    if (interfaceName === undefined || destination === undefined || gateway === undefined || mask === undefined)
      continue;
    if (![destination, gateway, mask].every((word) => /^[0-9A-Fa-f]{8}$/.test(word))) continue;
    const metric = Number(metricText);
    if (!isLive(flagsHex) || !Number.isSafeInteger(metric)) continue;
    routes.push({
      interfaceName,
      family: 4,
      destination: ipv4FromWord(destination, endianness),
      prefixLength: countOnes(parseInt(mask, 16)),
      ...(/^0+$/.test(gateway) ? {} : { gateway: ipv4FromWord(gateway, endianness) }),
      metric,
    });
  }
  return routes;
}

/**
 * Reads `/proc/net/ipv6_route`. Unlike its IPv4 sister it lists every table without saying which: a mesh's own table
 * shows up here, and is told by its interface.
 */
export function parseIpv6Routes(text: string): Route[] {
  const routes: Route[] = [];
  for (const line of text.split('\n')) {
    const [destination, prefixHex, , , gateway, metricHex, , , flagsHex, interfaceName] = line.trim().split(/\s+/);
    if (destination === undefined || prefixHex === undefined || gateway === undefined || interfaceName === undefined)
      continue;
    if (![destination, gateway].every((word) => /^[0-9a-fA-F]{32}$/.test(word))) continue;
    const metric = parseInt(metricHex ?? '', 16);
    const prefixLength = parseInt(prefixHex, 16);
    if (!isLive(flagsHex) || !Number.isSafeInteger(metric) || !(prefixLength <= 128)) continue;
    routes.push({
      interfaceName,
      family: 6,
      destination: ipv6FromHex(destination),
      prefixLength,
      ...(/^0+$/.test(gateway) ? {} : { gateway: ipv6FromHex(gateway) }),
      metric,
    });
  }
  return routes;
}

/** Routes to everywhere in order of metric, the kernel's order where metrics are equal. */
export function defaultRoutes(routes: readonly Route[], family: 4 | 6): Route[] {
  return routes
    .filter((route) => route.family === family && route.prefixLength === 0)
    .sort((a, b) => a.metric - b.metric);
}

/** 32 hex digits, as the kernel prints IPv6 addresses, to canonical text. */
export function ipv6FromHex(hex: string): string {
  return transportAddress(hex.replace(/(.{4})(?=.)/g, '$1:'), 0).ip;
}

function ipv4FromWord(hex: string, endianness: 'LE' | 'BE'): string {
  const bytes = [0, 2, 4, 6].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return (endianness === 'LE' ? bytes.reverse() : bytes).join('.');
}

function isLive(flagsHex: string | undefined): boolean {
  const flags = parseInt(flagsHex ?? '', 16);
  return (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0;
}

function countOnes(word: number): number {
  let ones = 0;
  for (let rest = word; rest !== 0; rest = (rest & (rest - 1)) >>> 0) ones++;
  return ones;
}
