import { transportAddress, type TransportAddress } from '@wirepath/core';

const MAX_KNOWN = 65_536;
const known = new Map<string, Map<number, TransportAddress>>();
let count = 0;

/** As `transportAddress`, which checks its arguments each time: on a virtual network the same few come again and again. */
export function knownAddress(ip: string, port: number): TransportAddress {
  const before = known.get(ip)?.get(port);
  if (before !== undefined) return before;
  if (count >= MAX_KNOWN) {
    known.clear();
    count = 0;
  }
  count += 1;
  const address = transportAddress(ip, port);
  known.set(ip, (known.get(ip) ?? new Map<number, TransportAddress>()).set(port, address));
  return address;
}
