import { networkInterfaces } from 'node:os';
import type { Clock } from '@wirepath/core/plugin';
import { ipToBytes, transportAddress } from '@wirepath/stun-codec';
import { IpRanges } from './ip-ranges.js';

/** How stale the list of interface addresses may be; reading it costs about 0.1 ms. */
const MAX_AGE_MS = 5000;
const LOOPBACK = ['127.0.0.0/8', '::1/128', '0.0.0.0/8', '::/128'];

/** Says whether an IP address is this host's: what is sent there meets the host's own services. */
export function ownAddresses(clock: Clock, advertised: readonly string[]): (ip: string) => boolean {
  let readAtMs = -Infinity;
  let own = new Set<string>();
  const loopback = new IpRanges(LOOPBACK);
  return (ip) => {
    if (clock.now() - readAtMs > MAX_AGE_MS) {
      readAtMs = clock.now();
      own = new Set(advertised);
      for (const addresses of Object.values(networkInterfaces()))
        for (const { address } of addresses ?? []) own.add(transportAddress(address, 0).ip);
    }
    return own.has(ip) || loopback.contains(ipToBytes(transportAddress(ip, 0)));
  };
}
