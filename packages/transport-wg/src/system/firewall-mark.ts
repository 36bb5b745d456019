import { crc32 } from 'node:zlib';

/** The mark of every packet that must not enter a tunnel of ours, whichever interface's, and the bits that count (docs/routing.md). */
export const MARK = 0x57;
export const MARK_MASK = 0x7f;

export interface FirewallMark {
  readonly value: number;
  readonly mask: number;
}

/** @param fwmark of the options: then all bits count, as with `wg set ... fwmark`. */
export function firewallMark(fwmark: number | undefined): FirewallMark {
  return fwmark === undefined ? { value: MARK, mask: MARK_MASK } : { value: fwmark, mask: 0xffffffff };
}

/** The routing table of an interface when none is configured: the same in every run, so left-overs are recognised. */
export function routingTable(interfaceName: string, fwmark: number | undefined): number {
  return fwmark ?? 0x77700000 + (crc32(interfaceName) & 0xffff);
}
