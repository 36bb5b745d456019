import { embeddedIpv4 } from '@wirepath/core/plugin';
import { ipToBytes, type TransportAddress } from '@wirepath/stun-codec';

import { IpRanges } from './ip-ranges.js';

/**
 * What a relay must not reach for strangers unless its owner says so: what IANA's special-purpose registries call not
 * globally reachable, and multicast. Not the documentation ranges: nobody has them, and laboratories use them as anybody's.
 */
export const REFUSED_BY_DEFAULT: readonly string[] = [
  '0.0.0.0/8', // "this network" (RFC 791)
  '10.0.0.0/8', // private (RFC 1918)
  '100.64.0.0/10', // shared, behind a carrier's NAT (RFC 6598)
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local (RFC 3927), and the clouds' metadata
  '172.16.0.0/12', // private
  '192.0.0.0/24', // IETF protocol assignments (RFC 6890)
  '192.88.99.0/24', // the way into 6to4 (RFC 7526)
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarking (RFC 2544)
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved (RFC 1112), and the broadcast address
  '::/128', // unspecified
  '::1/128', // loopback
  '64:ff9b:1::/48', // local NAT64 (RFC 8215)
  '100::/64', // discard (RFC 6666)
  '100:0:0:1::/64', // dummy (RFC 9780)
  '2001:2::/48', // benchmarking (RFC 5180)
  '2001:10::/28', // ORCHID (RFC 4843)
  '2001:20::/28', // ORCHIDv2 (RFC 7343)
  '5f00::/16', // segment routing (RFC 9602)
  'fc00::/7', // private (RFC 4193)
  'fe80::/10', // link-local
  'fec0::/10', // site-local (RFC 3879)
  'ff00::/8', // multicast
];

/**
 * `open`: any port. `relayed-only`: an address of the relay's own host, asked for with the port of a live allocation;
 * nothing else there may be reached. `refused`: 403.
 */
export type PeerVerdict = 'open' | 'relayed-only' | 'refused';

export interface PeerPolicyOptions {
  readonly allowPeers: readonly string[];
  /** Wins over `allowPeers`. */
  readonly denyPeers: readonly string[];
  /** Whether an IP address belongs to this host or is advertised for it. */
  readonly isOwn: (ip: string) => boolean;
  /** Whether it is the relayed address of an allocation. */
  readonly isRelayed: (address: TransportAddress) => boolean;
}

/** Says which peers clients may reach through the relay. */
export class PeerPolicy {
  readonly #options: PeerPolicyOptions;
  readonly #allowed: IpRanges;
  readonly #denied: IpRanges;
  readonly #refused = new IpRanges(REFUSED_BY_DEFAULT);

  constructor(options: PeerPolicyOptions) {
    this.#options = options;
    this.#allowed = new IpRanges(options.allowPeers);
    this.#denied = new IpRanges(options.denyPeers);
  }

  judge(peer: TransportAddress): PeerVerdict {
    // A zone would let a client choose an interface; addresses off the wire have none.
    if (peer.ip.includes('%')) return 'refused';
    const bytes = ipToBytes(peer);
    const embedded = embeddedIpv4(bytes);
    const forms = [bytes, ...embedded];
    if (forms.some((form) => this.#denied.contains(form))) return 'refused';
    const isClosed = (form: Uint8Array) => !this.#allowed.contains(form);
    // What leads to this host by a detour is no relayed address.
    if (embedded.some((form) => isClosed(form) && this.#options.isOwn(form.join('.')))) return 'refused';
    const refused = forms.some((form) => this.#refused.contains(form) && isClosed(form));
    if (!this.#options.isOwn(peer.ip)) return refused ? 'refused' : 'open';
    if (!isClosed(bytes)) return 'open';
    return this.#options.isRelayed(peer) ? 'relayed-only' : 'refused';
  }
}
