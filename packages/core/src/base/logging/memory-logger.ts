import type { LogFields, Logger } from './logger.js';
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
  const lines: LogLine[] = [];
  return { ...loggerTo((line) => lines.push(line), {}), lines };
}

/** Says nothing. */
export function silentLogger(): Logger {
  return loggerTo(() => undefined, {});
}

function loggerTo(write: (line: LogLine) => void, bound: LogFields): Logger {
  const at = (level: LogLevel) => (message: string, fields?: LogFields) =>
    write({ level, message, fields: { ...bound, ...fields } });
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => loggerTo(write, { ...bound, ...fields }),
  };
}
