import { reasonOf } from '@wirepath/core/plugin';
import { CommandError, isReportable } from '../wording/command-error.js';
import type { ControlFailure } from './protocol.js';

export function toFailure(error: unknown): ControlFailure {
  if (isReportable(error)) {
    return { code: error.code, message: error.message, subject: error.subject ?? null, advice: error.advice };
  }
  // What is not coded is a bug or a plugin's own: the message may help, the stack stays in the node's log.
  return { code: 'INTERNAL', message: reasonOf(error), subject: null, advice: null };
}

export function fromFailure(failure: ControlFailure): CommandError {
  return new CommandError(failure.code, failure.message, {
    subject: failure.subject ?? undefined,
    advice: failure.advice ?? undefined,
  });
}
