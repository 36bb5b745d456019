import { CodedError, printable } from '@wirepath/core/plugin';
import type { TurnOutcome } from './turn-session.js';

/** A reason is a server's own words (763 bytes on the wire), and goes into status and logs. */
const MAX_REASON_LENGTH = 100;

/** TURN_RELAY with the server's URL and why; a credential never gets here. Whose plugin it was, core knows: a product may name it otherwise. */
export function relayError(url: string, reason: string, cause?: unknown): CodedError {
  return new CodedError('TURN_RELAY', `${url}: ${reason}`, { subject: url, cause });
}

/** As {@link relayError}; where the server has answered, though with a refusal, the error says so: datagrams get through. */
export function requestFailed(
  url: string,
  what: string,
  outcome: Exclude<TurnOutcome, { kind: 'success' }>,
): CodedError {
  return Object.assign(relayError(url, failureOf(what, outcome)), { answered: outcome.kind === 'refused' });
}

/** What a refusal means to whoever runs the node. */
const CURES: Readonly<Record<number, string>> = {
  401: 'username or credential is not one of that server',
  441: 'username or credential is not the one that the allocation was made with',
  486: 'this user has as many allocations there as it may: a user for each node, or a higher quota',
  508: 'the server has no room for another allocation, or is about to end',
};

/** Says in words how a request failed. */
export function failureOf(what: string, outcome: Exclude<TurnOutcome, { kind: 'success' }>): string {
  if (outcome.kind === 'unanswered')
    return `${what} was not answered${outcome.reason === undefined ? '' : `: ${outcome.reason}`}`;
  const refusal = `${what} was refused: ${outcome.code} ${printable(outcome.reason, MAX_REASON_LENGTH)}`.trimEnd();
  const cure = CURES[outcome.code];
  return cure === undefined ? refusal : `${refusal} (${cure})`;
}
