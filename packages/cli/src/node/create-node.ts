import type { LoadedConfig, Product } from '@wirepath/core';
import type { Logger } from '@wirepath/core/plugin';
import { CommandError } from '../control/failure.js';
import type { RunnableNode } from './runtime.js';

type CreateNode = (product: Product, config: LoadedConfig, environment: { logger: Logger }) => Promise<RunnableNode>;

/** Core's node. @throws CommandError CONFIG when the rc file describes none. */
export async function createNode(product: Product, config: LoadedConfig, logger: Logger): Promise<RunnableNode> {
  if (config.node === undefined) {
    throw new CommandError('CONFIG', 'this configuration describes no node', {
      subject: config.file,
      advice: `Add \`privateKeyFile\`, \`interface\` and \`peers\`, or run its servers with \`${product.name} serve\`.`,
    });
  }
  const core = (await import('@wirepath/core')) as { createNode?: CreateNode };
  if (core.createNode === undefined) throw new CommandError('NOT_BUILT', 'running a node is not built yet');
  return core.createNode(product, config, { logger });
}
