import { CodedError, printable } from '@wirepath/core/plugin';
import type { TurnOutcome } from './turn-session.js';

/** A reason is a server's own words (763 bytes on the wire), and goes into status and logs. */
const MAX_REASON_LENGTH = 100;

/** TURN_RELAY with the server's URL and why; a credential never gets here. Whose plugin it was, core knows: a product may name it otherwise. */
export function relayError(url: string, reason: string, cause?: unknown): CodedError {
  return new CodedError('TURN_RELAY', `${url}: ${reason}`, { subject: url, cause });
}

/** Says in words how a request failed. */
export function failureOf(what: string, outcome: Exclude<TurnOutcome, { kind: 'success' }>): string {
  if (outcome.kind === 'unanswered') return `${what} was not answered`;
  return `${what} was refused: ${outcome.code} ${printable(outcome.reason, MAX_REASON_LENGTH)}`.trimEnd();
}
