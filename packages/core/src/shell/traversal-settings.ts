/** `traversal:` of the rc file. */
export interface TraversalSettings {
  /** False: no traversal and no signalling; every peer is a plain WireGuard one. */
  readonly enabled: boolean;
  /** Budget of the first round of connectivity checks. */
  readonly holePunchTimeoutMs: number;
  /** How often mappings are looked at again. */
  readonly refreshIntervalMs: number;
  /** Candidate pairs tried per peer, counted after pruning. */
  readonly maxCandidatePairs: number;
  /** Spend many sockets and checks on a NAT that maps per destination. */
  readonly hardNat: boolean;
  /** Budget of one attempt to leave the relay. */
  readonly upgradeTimeoutMs: number;
}
