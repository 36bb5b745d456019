import type { LoadedConfig } from '@wirepath/core';
import { CommandError } from '../wording/command-error.js';
import type { CommandContext } from './definition.js';

/** @throws CommandError CONFIG where the rc file describes servers only. */
export function requireNode({ product }: CommandContext, { node, source }: LoadedConfig): NonNullable<typeof node> {
  if (node !== undefined) return node;
  throw new CommandError('CONFIG', 'this configuration describes no node', {
    subject: source,
    advice: `Add \`privateKeyFile\`, \`interface\` and \`peers\`, or run its servers with \`${product.name} serve\`.`,
  });
}
