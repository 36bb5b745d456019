import { reasonOf } from '../../base/errors/reason-of.js';

const TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the network is unreachable',
  ENOTFOUND: 'no such name',
  EAI_AGAIN: 'no answer',
  EPERM: 'this machine does not let it out',
  ETIMEDOUT: 'no answer in time',
};

/** What a failure of a socket or of the system's look-up means, for people. */
export function systemReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return TEXTS[code] ?? reasonOf(error);
}
