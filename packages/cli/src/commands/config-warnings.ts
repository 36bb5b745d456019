import { printable } from '@wirepath/core/plugin';
import type { LoadedConfig } from '@wirepath/core';
import type { CommandContext } from './definition.js';

/** What works but should be known, one line each on stderr. */
export function reportWarnings(
  { product, terminal }: CommandContext,
  { warnings }: Pick<LoadedConfig, 'warnings'>,
): void {
  for (const { file, line, column, keyPath, message } of warnings) {
    const position = line === undefined ? '' : `:${line}:${column ?? 1}`;
    const where = `${file}${position}${keyPath === '' ? '' : ` ${keyPath}`}`;
    terminal.err.write(`${product.name}: warning: ${printable(`${where}: ${message}`)}\n`);
  }
}
