/** Datagrams from a relay's address that were ours and were dropped, by reason. */
export type RelayDrops = Record<'relay.bad-fingerprint' | 'relay.bad-integrity' | 'relay.unknown-peer', number>;

export function noRelayDrops(): RelayDrops {
  return { 'relay.bad-fingerprint': 0, 'relay.bad-integrity': 0, 'relay.unknown-peer': 0 };
}
