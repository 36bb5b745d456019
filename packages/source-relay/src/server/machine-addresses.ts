import { networkInterfaces } from 'node:os';
import { tryTransportAddress, type Clock } from '@wirepath/core/plugin';
import { ipToBytes } from '@wirepath/stun-codec';
import { IpRanges } from './ip-ranges.js';

/** How stale the list of interface addresses may be; reading it costs about 0.1 ms. */
const MAX_AGE_MS = 5000;
const LOOPBACK = ['127.0.0.0/8', '::1/128', '0.0.0.0/8', '::/128'];

/** IP addresses of this host's interfaces as the system tells them. */
export type InterfaceAddresses = () => readonly string[];

const systemAddresses: InterfaceAddresses = () =>
  Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));

/** Knows which IP addresses are this host's, now: what is sent there meets the host's own services. */
export class MachineAddresses {
  /** Raised whenever an address came or went: what was decided before is to be decided again. */
  generation = 0;
  readonly #clock: Clock;
  readonly #advertised: readonly string[];
  readonly #read: InterfaceAddresses;
  readonly #loopback = new IpRanges(LOOPBACK);
  #readAtMs = -Infinity;
  #own: ReadonlySet<string> = new Set();

  /** @param advertised those that the relay goes by, whether an interface has them or a 1:1 NAT. */
  constructor(clock: Clock, advertised: readonly string[], read: InterfaceAddresses = systemAddresses) {
    this.#clock = clock;
    this.#advertised = advertised;
    this.#read = read;
  }

  has(ip: string): boolean {
    this.look();
    if (this.#own.has(ip)) return true;
    const address = tryTransportAddress(ip, 0);
    return address !== undefined && this.#loopback.contains(ipToBytes(address));
  }

  /** Reads them again where what is known is old. */
  look(): void {
    const nowMs = this.#clock.now();
    if (nowMs - this.#readAtMs <= MAX_AGE_MS) return;
    this.#readAtMs = nowMs;
    const own = new Set(this.#advertised);
    try {
      for (const ip of this.#read()) own.add(tryTransportAddress(ip, 0)?.ip ?? ip);
    } catch {
      // The system is out of something: what is known goes on, and it is asked again.
      return;
    }
    if (own.size === this.#own.size && [...own].every((ip) => this.#own.has(ip))) return;
    this.#own = own;
    this.generation += 1;
  }
}
