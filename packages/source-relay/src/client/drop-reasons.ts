/** Why a datagram from a relay's address that was ours was dropped. */
export const RELAY_DROP_REASONS = ['relay.bad-fingerprint', 'relay.bad-integrity', 'relay.unknown-peer'] as const;

export type RelayDropReason = (typeof RELAY_DROP_REASONS)[number];
