import { CommandError } from '../wording/command-error.js';

type Params = Readonly<Record<string, unknown>>;

const PING_TIMEOUT_MS = 2000;
const MAX_PING_TIMEOUT_MS = 60_000;

/** @throws CommandError BAD_REQUEST */
export function peerParam({ peer }: Params): string {
  if (typeof peer !== 'string' || peer === '') throw new CommandError('BAD_REQUEST', 'the request names no peer');
  return peer;
}

export function pingParams({ timeoutMs }: Params): { timeoutMs: number } {
  const valid = typeof timeoutMs === 'number' && timeoutMs > 0;
  return { timeoutMs: valid ? Math.min(timeoutMs, MAX_PING_TIMEOUT_MS) : PING_TIMEOUT_MS };
}
