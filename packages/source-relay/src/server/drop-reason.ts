/** Why the server dropped a datagram. */
export type ServerDropReason =
  | 'malformed'
  | 'bad-fingerprint'
  | 'unexpected-message'
  | 'unanswerable'
  | 'rate-limited'
  | 'too-many-failures'
  | 'no-allocation'
  | 'allocation-pending'
  | 'no-permission'
  | 'no-channel'
  | 'peer-refused'
  | 'oversized'
  | 'over-bandwidth'
  | 'backlog'
  | 'send-failed'
  | 'internal-error';
