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
  | 'send-failed'
  | 'internal-error';
