/** Why a datagram or packet was dropped. */
export const DROP_REASONS = [
  /** Not one of the four messages, or its length is impossible. */
  'malformed',
  /** A handshake message that was not looked at: more come in than there is time for. */
  'overload',
  /** A handshake message whose sender does not know our public key. */
  'mac1',
  /** Under load: answered with a cookie reply instead. */
  'cookie',
  /** Under load: the source used up its share. */
  'rate-limited',
  /** Valid, from nobody we know. */
  'unknown-peer',
  /** No handshake or session has this index. */
  'unknown-receiver',
  /** Authentication failed. */
  'decrypt',
  /** An initiation not newer than one that was seen. */
  'stale-timestamp',
  /** More than HANDSHAKE_INITIATION_RATE from one peer. */
  'initiation-flood',
  /** A cookie reply that answers nothing of ours. */
  'cookie-reply',
  /** Data on a session past REJECT_AFTER_TIME or REJECT_AFTER_MESSAGES. */
  'expired-session',
  /** A message counter seen before, or behind the window. */
  'replay',
  /** The plaintext is no IP packet. */
  'inner-malformed',
  /** The inner source address is not the peer's. */
  'source-not-allowed',
  /** Outbound: not an IP packet. */
  'outbound-malformed',
  /** Outbound: no peer has the destination. */
  'no-route',
] as const;

export type DropReason = (typeof DROP_REASONS)[number];
export type DropCounters = Record<DropReason, number>;

export function newDropCounters(): DropCounters {
  return Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as DropCounters;
}
