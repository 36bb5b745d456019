import { CodedError } from '@wirepath/core/plugin';
import type { TurnOutcome } from './turn-session.js';

const PLUGIN = '@wirepath/source-relay';

/** TURN_RELAY with the server's URL and why; a credential never gets here. */
export function relayError(url: string, reason: string, cause?: unknown): CodedError {
  return new CodedError('TURN_RELAY', `${url}: ${reason}`, { subject: url, plugin: PLUGIN, cause });
}

/** Says in words how a request failed. */
export function failureOf(what: string, outcome: Exclude<TurnOutcome, { kind: 'success' }>): string {
  if (outcome.kind === 'unanswered') return `${what} was not answered`;
  return `${what} was refused: ${outcome.code} ${printable(outcome.reason)}`.trimEnd();
}

/** The reason comes from the network and goes to terminals. */
function printable(text: string): string {
  return text.slice(0, 100).replace(/[^\x20-\x7e]/g, '?');
}
