import { CodedError } from './coded-error.js';

const SYSTEM_TEXTS: Readonly<Record<string, string>> = {
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

/** Why a connection to a server failed, in one line for people: a known cause with its code, a TLS failure as such. */
export function connectionFailure(error: unknown): string {
  // Every address of a name is tried, and the failures are wrapped: the first one speaks for all.
  if (error instanceof AggregateError && error.errors.length > 0) return connectionFailure(error.errors[0]);
  if (!(error instanceof Error)) return 'unknown error';
  // Ours say it already.
  if (error instanceof CodedError) return error.message;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const known = SYSTEM_TEXTS[code];
  if (known !== undefined) return `${known} (${code})`;
  if (code === 'EPROTO' && error.message.includes('wrong version number'))
    return 'no TLS is spoken there (EPROTO): the port is one without TLS, or of another program';
  const message = (error.message.split('\n')[0] ?? '').slice(0, 200);
  const isTls = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED)/.test(code);
  if (!isTls) return message;
  const cure = TLS_CURES[code];
  return `TLS: ${message} (${code})${cure === undefined ? '' : `: ${cure}`}`;
}
