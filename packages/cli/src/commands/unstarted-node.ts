import { createLogger, createNode, loadConfig, PluginPhases, type Node } from '@wirepath/core';
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
  const { level } = loaded.log;
  const isVerbose = level === 'debug' || level === 'trace';
  const logger = await createLogger({
    name: product.name,
    level: isVerbose ? level : 'warn',
    destination: 'stderr',
    format: 'auto',
  });
  const node = await createNode(product, loaded, { logger, phases }).catch((error: unknown) => {
    logger.debug('stack of the error', { stack: stackOf(error) });
    throw error;
  });
  return { node, file };
}
