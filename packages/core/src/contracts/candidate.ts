import type { TransportAddress } from '@wirepath/stun-codec';
import type { Base } from './candidate-base.js';

/** Candidate types of RFC 8445, in falling order of preference but for `peer-reflexive`, which checks discover. */
export type CandidateType = 'host' | 'peer-reflexive' | 'server-reflexive' | 'relayed';

/** What a {@link CandidateSource} finds; the core completes it to a {@link Candidate}. */
export interface GatheredCandidate {
  readonly type: CandidateType;
  /** What peers send to. */
  readonly address: TransportAddress;
  /**
   * The socket that datagrams for this candidate leave from. Left out: the transport's shared socket of the address's
   * family. One that the source opened itself (`Datagrams.openBase`) is checked and used as the shared one is, as long as the
   * source finds the candidate; the source closes it afterwards. A relayed candidate's base is its allocation, which the core knows from the {@link Relay}.
   */
  readonly base?: Base;
  /** 0 to 65535, higher first, among candidates of one type (RFC 8445 5.1.2.1). Default: 65535 for IPv6, 65534 for IPv4. */
  readonly localPreference?: number;
  /** The STUN or TURN server that told the address; part of the foundation. */
  readonly server?: string;
  /**
   * What forwards the address because it was asked to: `NAT-PMP at 192.168.1.1`. The address of a server-reflexive candidate is
   * then not what a server saw, and says nothing of what gets through.
   */
  readonly forwardedBy?: string;
  /** RFC 8839's related address: of a reflexive candidate the base's address where known, of a relayed one the mapped. */
  readonly relatedAddress?: TransportAddress;
}

/** A candidate of this node (RFC 8445), complete and ready to be signalled. */
export interface Candidate extends GatheredCandidate {
  /** RFC 8445 5.1.2.1; orders host > peer-reflexive > server-reflexive > relayed. */
  readonly priority: number;
  /** Equal for candidates of one type, base and server (RFC 8445 5.1.1.3). */
  readonly foundation: string;
  /** Name of the plugin that found it. */
  readonly source: string;
  /** Unix ms. */
  readonly discoveredAtMs: number;
}

const TYPE_PREFERENCE: Record<CandidateType, number> = {
  host: 126,
  'peer-reflexive': 110,
  'server-reflexive': 100,
  relayed: 0,
};

/** RFC 8445 5.1.2.1 with component 1. */
export function candidatePriority(type: CandidateType, localPreference: number): number {
  return TYPE_PREFERENCE[type] * 2 ** 24 + localPreference * 2 ** 8 + 255;
}
