import { ipToBytes, type TransportAddress } from '@wirepath/stun-codec';
import { embeddedIpv4, IpRanges } from './ip-ranges.js';

/**
 * What a relay must not reach for strangers unless its owner says so: unspecified, private (RFC 1918, RFC 4193,
 * RFC 6598), loopback, link-local, multicast and broadcast addresses, and the local-use NAT64 prefix (RFC 8215).
 */
export const REFUSED_BY_DEFAULT: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/128',
  '::1/128',
  '64:ff9b:1::/48',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
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
    const forms = embedded ? [bytes, embedded] : [bytes];
    if (forms.some((form) => this.#denied.contains(form))) return 'refused';
    const refused = forms.some((form) => this.#refused.contains(form) && !this.#allowed.contains(form));
    if (!this.#options.isOwn(peer.ip)) return refused ? 'refused' : 'open';
    if (this.#allowed.contains(bytes)) return 'open';
    return this.#options.isRelayed(peer) ? 'relayed-only' : 'refused';
  }
}
