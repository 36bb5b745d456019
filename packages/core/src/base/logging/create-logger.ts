import { isatty } from 'node:tty';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
import type { LogFields, Logger } from './logger.js';
import { maskSecrets } from './mask-secrets.js';
import { escapeUnprintable } from '../text/printable.js';
import type { LogLevel } from './log-level.js';
import { prettyLine } from './pretty-line.js';

/** Longer than any stack of ours; what is longer comes from outside. */
const MAX_TEXT_LENGTH = 16_384;

export interface LoggerOptions {
  /** The product's name; `component` of lines that no part owns. */
  readonly name: string;
  readonly level: LogLevel;
  readonly destination: 'stdout' | 'stderr';
  /** One JSON document per line, or one readable line; `auto`: readable on a terminal. */
  readonly format: 'json' | 'pretty' | 'auto';
  /** Where lines go instead, for tests. */
  readonly stream?: { write(line: string): void };
}

/** With all its children. */
export interface RootLogger extends Logger {
  setLevel(level: LogLevel): void;
}

/**
 * A logger over pino, which is loaded here and not before. Secrets in fields are masked by their names; nothing that a
 * terminal would obey is written, in either format.
 */
export async function createLogger(options: LoggerOptions): Promise<RootLogger> {
  const { pino } = await import('pino');
  const fd = options.destination === 'stdout' ? 1 : 2;
  const pretty = options.format === 'pretty' || (options.format === 'auto' && isatty(fd));
  // Synchronous, so that the last lines before an exit are not lost.
  const target: DestinationStream = options.stream ?? pino.destination({ fd, sync: true });
  const colors = isatty(fd) && options.stream === undefined && process.env['NO_COLOR'] === undefined;
  const stream: DestinationStream = pretty
    ? { write: (line) => target.write(`${prettyLine(line.trimEnd(), { colors })}\n`) }
    : { write: (line) => target.write(escapeUnprintable(line)) };
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => shortened(maskSecrets(fields) as Record<string, unknown>),
      },
    },
    stream,
  );
  const setLevel = (level: LogLevel) => void (logger.level = level);
  return { ...adapt(logger, { component: options.name }), setLevel };
}

function shortened(fields: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(fields).map(([key, value]) => [
    key,
    typeof value === 'string' ? value.slice(0, MAX_TEXT_LENGTH) : value,
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** `bound` is kept here and not by pino's children: a child's `component` then replaces its parent's instead of joining it. */
function adapt(pino: PinoLogger, bound: LogFields): Logger {
  const at = (level: 'trace' | 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    if (pino.isLevelEnabled(level)) pino[level]({ ...bound, ...fields }, message.slice(0, MAX_TEXT_LENGTH));
  };
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => adapt(pino, { ...bound, ...fields }),
  };
}
