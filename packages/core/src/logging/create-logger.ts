import type { Logger } from '../contracts/logger.js';
import type { LogLevel } from './log-level.js';

export interface LoggerOptions {
  /** The product's name; `component` of lines that no part owns. */
  readonly name: string;
  readonly level: LogLevel;
  readonly destination: 'stdout' | 'stderr';
  /** One JSON document per line, or one readable line; `auto`: readable on a terminal. */
  readonly format: 'json' | 'pretty' | 'auto';
}

/** A logger over pino, which is loaded here and not before. */
export function createLogger(_options: LoggerOptions): Promise<Logger> {
  throw new Error('signature');
}
