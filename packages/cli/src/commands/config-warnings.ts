import { printable } from '@wirepath/core/plugin';
import type { LoadedConfig } from '@wirepath/core';
import type { CommandContext } from './definition.js';

/** What works but should be known, one line each on stderr. */
export function reportWarnings({ product, terminal }: CommandContext, { warnings }: LoadedConfig): void {
  for (const { file, keyPath, message } of warnings) {
    const where = keyPath === '' ? file : `${file} ${keyPath}`;
    terminal.err.write(`${product.name}: warning: ${printable(`${where}: ${message}`)}\n`);
  }
}
