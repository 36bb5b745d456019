import {
  createLogger,
  createNode,
  formatKey,
  generatePrivateKey,
  loadConfig,
  PluginPhases,
  type LoadedConfig,
  type Node,
} from '@wirepath/core';
import { stackOf } from '@wirepath/core/plugin';
import { reportWarnings } from './config-warnings.js';
import type { CommandContext } from './definition.js';
import { requireNode } from './require-node.js';
import { requireConfigFile } from './running-process.js';
import { slowPhaseTo } from './slow-plugins.js';

/** The node of an rc file, for what it can do without being started. Until it opens something, a signal ends the process. */
export async function unstartedNode(
  context: CommandContext,
  config: string | undefined,
): Promise<{ readonly node: Node; readonly file: string }> {
  const { product, terminal } = context;
  const file = await requireConfigFile(context, config);
  const phases = new PluginPhases({ onSlow: slowPhaseTo(context) });
  const loaded = await loadConfig(product, { configPath: file, env: terminal.env, phases });
  requireNode(context, loaded);
  reportWarnings(context, loaded);
  return { node: await create(context, loaded, phases), file };
}

/** The same without an rc file: a node that has this interface and the product's own plugins. */
export async function unstartedNodeOf(context: CommandContext, interfaceName: string): Promise<Node> {
  const phases = new PluginPhases({ onSlow: slowPhaseTo(context) });
  const value = { interface: interfaceName, privateKey: formatKey(generatePrivateKey()) };
  return create(context, await loadConfig(context.product, { value, name: '--interface', phases }), phases);
}

async function create({ product }: CommandContext, loaded: LoadedConfig, phases: PluginPhases): Promise<Node> {
  const { level } = loaded.log;
  const isVerbose = level === 'debug' || level === 'trace';
  const logger = await createLogger({
    name: product.name,
    level: isVerbose ? level : 'warn',
    destination: 'stderr',
    format: 'auto',
  });
  return createNode(product, loaded, { logger, phases }).catch((error: unknown) => {
    logger.debug('stack of the error', { stack: stackOf(error) });
    throw error;
  });
}
