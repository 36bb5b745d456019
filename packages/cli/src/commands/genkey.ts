import { formatKey, generatePrivateKey } from '@wirepath/core';
import { EXIT_DONE } from '../wording/error-line.js';
import type { CommandContext } from './definition.js';

export async function genkey({ terminal }: CommandContext): Promise<number> {
  terminal.out.write(`${formatKey(generatePrivateKey())}\n`);
  return EXIT_DONE;
}
