import { CLOSE_CODES } from '../protocol/rendezvous-v1.js';

const CLOSE_TEXTS: Readonly<Record<number, string>> = {
  [CLOSE_CODES.replaced]: 'another node registered with this key',
  [CLOSE_CODES.badProof]: 'the server refused the proof of this key',
  [CLOSE_CODES.foreignUrl]:
    'the server does not know itself by this URL: add it to `urls` in the configuration of the server',
  [CLOSE_CODES.full]:
    'the server has no room for this node: whoever runs it can raise `maxClients`, or admit only known keys with `allow`',
  [CLOSE_CODES.tooLate]: 'the server says that the registration came too late',
  [CLOSE_CODES.violation]: 'the server refused a frame of ours',
  [CLOSE_CODES.tooFast]: 'the server says that this node sends too much',
  [CLOSE_CODES.slowReader]:
    'the server says that this node did not read what it was sent: see whether this machine or its link hangs',
  [CLOSE_CODES.notAdmitted]:
    'the server admits only keys that it knows: ask whoever runs it to add the public key of this node to `allow` or `allowFile`',
  1001: 'the server is shutting down',
  1006: 'the connection broke',
  1009: 'a frame was too long',
};

/** One line for people. */
export function describeClose(code: number): string {
  return CLOSE_TEXTS[code] ?? `the server closed the connection (${code})`;
}

const ERROR_TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the network is unreachable',
  ETIMEDOUT: 'the connection timed out',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name could not be looked up',
};

const NOT_TRUSTED =
  'nobody whom this machine trusts has signed the certificate: name the authority that has by `caFile` (the certificate itself, if it is self-signed)';

const TLS_CURES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'whoever runs the server has to renew its certificate, unless the clock of this machine is wrong',
  CERT_NOT_YET_VALID: 'see whether the clock of this machine is right',
  DEPTH_ZERO_SELF_SIGNED_CERT: NOT_TRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_TRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NOT_TRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID: 'dial the server by a name that its certificate has, or get it one with this name',
};

/** One line for people; a known cause with its code, a TLS failure as such. */
export function describeError(error: unknown): string {
  // Node tries every address of a name, and wraps the failures: the first one speaks for all.
  if (error instanceof AggregateError && error.errors.length > 0) return describeError(error.errors[0]);
  if (!(error instanceof Error)) return 'unknown error';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const known = ERROR_TEXTS[code];
  if (known !== undefined) return `${known} (${code})`;
  if (code === 'EPROTO' && error.message.includes('wrong version number'))
    return 'no TLS is spoken there (EPROTO): the port is that of ws://, or of another program';
  // Node's words for a server that hangs up before it has answered.
  if (error.message === 'socket hang up')
    return 'the server hung up: the port may be that of wss://, or of another program';
  const message = (error.message.split('\n')[0] ?? '').slice(0, 200);
  const isTls = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED)/.test(code);
  if (!isTls) return message;
  const cure = TLS_CURES[code];
  return `TLS: ${message} (${code})${cure === undefined ? '' : `: ${cure}`}`;
}
