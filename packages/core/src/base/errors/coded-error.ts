import type { RightsChange } from './rights-change.js';
import { ERRORS, type ErrorCode } from './table.js';

export type { ErrorCode } from './table.js';

export interface ErrorDetails {
  /** Which thing: a peer's name, an interface, a file, a server's URL. Never a secret. */
  readonly subject?: string;
  /** Replaces the table's advice where the place of the error knows better. */
  readonly advice?: string;
  /** What the advice comes to, where rights of a file are all that is wrong. */
  readonly rights?: RightsChange | undefined;
  /** The plugin it came from, and what that was doing. */
  readonly plugin?: string;
  readonly cause?: unknown;
}

/** The one error class: a stable `code` from the table, a message for people, and the cause where one came from outside. */
export class CodedError extends Error {
  readonly code: ErrorCode;
  readonly subject: string | undefined;
  readonly advice: string;
  readonly rights: RightsChange | undefined;
  readonly plugin: string | undefined;

  /** @param message what happened, for people; left out: the table's sentence. */
  constructor(code: ErrorCode, message?: string, details: ErrorDetails = {}) {
    super(message ?? ERRORS[code].message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'CodedError';
    this.code = code;
    this.subject = details.subject;
    this.advice = details.advice ?? ERRORS[code].advice;
    this.rights = details.rights;
    this.plugin = details.plugin;
  }
}

/** Whether somebody asked to stop: then that is what is to be said, and not what failed for it. */
export function isAborted(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === 'ABORTED';
}
