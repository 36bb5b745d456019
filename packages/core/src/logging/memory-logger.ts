import type { LogFields, Logger } from '../contracts/logger.js';
import type { LogLevel } from './log-level.js';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps its lines, for tests. */
export interface MemoryLogger extends Logger {
  /** Lines of this logger and all its children. */
  readonly lines: readonly LogLine[];
}

export function memoryLogger(): MemoryLogger {
  throw new Error('signature');
}

/** Says nothing. */
export function silentLogger(): Logger {
  throw new Error('signature');
}
