import { CodedError, type ErrorCode } from './coded-error.js';
import type { ConfigProblems } from './config-problems.js';
import { ERRORS } from './table.js';
import { reasonOf } from './reason-of.js';

export interface ErrorOrigin {
  /** The plugin or part that threw. */
  readonly name: string;
  /** What it was doing: `create`, `start`. */
  readonly hook: string;
  /** For an error without a code of ours. */
  readonly code: ErrorCode;
}

/**
 * Names the plugin and hook that an error came from and keeps it as the cause. A code of ours is kept, for it says more
 * than "a plugin failed"; it is known by its text, since a plugin may bring its own copy of core.
 */
export function wrapError(error: unknown, { name, hook, code }: ErrorOrigin): CodedError {
  if (isConfigProblems(error)) return error;
  const message = reasonOf(error);
  const own = error instanceof Error ? (error as { code?: unknown; advice?: unknown; subject?: unknown }) : {};
  const known = typeof own.code === 'string' && Object.hasOwn(ERRORS, own.code);
  const details = known
    ? {
        ...(typeof own.advice === 'string' ? { advice: own.advice } : {}),
        ...(typeof own.subject === 'string' ? { subject: own.subject } : {}),
      }
    : {};
  const prefix = `${name}: ${hook}: `;
  return new CodedError(
    known ? (own.code as ErrorCode) : code,
    message.startsWith(prefix) ? message : prefix + message,
    {
      ...details,
      plugin: name,
      cause: error,
    },
  );
}

/** By its name, for the same reason. */
function isConfigProblems(error: unknown): error is ConfigProblems {
  return error instanceof Error && error.name === 'ConfigProblems' && 'problems' in error;
}
