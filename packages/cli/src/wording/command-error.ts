import type { ErrorCode } from '@wirepath/core/plugin';

/** What {@link CommandError} and core's CodedError share, whichever copy of core made it. */
export interface ReportableError extends Error {
  readonly code: string;
  readonly subject: string | undefined;
  readonly advice: string;
}

/**
 * An error with the shape of core's CodedError, raised by commands that must not load core to say one line
 * (`status` starts in the time that bare Node takes), and by the control client for what the node answered.
 */
export class CommandError extends Error implements ReportableError {
  readonly code: string;
  readonly subject: string | undefined;
  readonly advice: string;

  constructor(
    code: ErrorCode | (string & {}),
    message: string,
    details: { subject?: string | undefined; advice?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'CommandError';
    this.code = code;
    this.subject = details.subject;
    this.advice = details.advice ?? '';
  }
}

/** By shape, not by `instanceof`: there may be several copies of core, and none may be loaded. */
export function isReportable(error: unknown): error is ReportableError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'advice' in error &&
    typeof error.advice === 'string'
  );
}
