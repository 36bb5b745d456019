/** Why a datagram was dropped: one from a relay's address that was ours, or (`relay.backlog`) one for a relay that does not read. */
export const RELAY_DROP_REASONS = [
  'relay.bad-fingerprint',
  'relay.bad-integrity',
  'relay.unknown-peer',
  'relay.backlog',
] as const;

export type RelayDropReason = (typeof RELAY_DROP_REASONS)[number];
