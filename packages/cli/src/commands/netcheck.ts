import { CommandError } from '../wording/command-error.js';
import { EXIT_DONE } from '../wording/error-line.js';
import { createLogger, createNode, loadConfig, PluginPhases, type NetcheckDocument } from '@wirepath/core';
import { stackOf } from '@wirepath/core/plugin';
import { Interrupt } from '../terminal/interrupt.js';
import { formatNetcheck } from '../text/netcheck-text.js';
import { palette } from '../text/palette.js';
import { reportWarnings } from './config-warnings.js';
import type { CommandContext } from './definition.js';
import { printJson } from './json-document.js';
import { requireNode } from './require-node.js';
import { connectToRunning, requireConfigFile } from './running-process.js';
import { slowPhaseTo } from './slow-plugins.js';

export interface NetcheckOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** Several servers, each with retransmissions. */
const TIMEOUT_MS = 30_000;

/** Asks the running node, whose sockets have the mappings that matter; without one, looks from sockets of its own. */
export async function netcheck(context: CommandContext, options: NetcheckOptions): Promise<number> {
  const { terminal } = context;
  const document = (await askRunningNode(context, options.config)) ?? (await checkFromHere(context, options.config));
  if (options.json === true) printJson(terminal, document);
  else terminal.out.write(formatNetcheck(document, palette(terminal.out.colors)));
  return EXIT_DONE;
}

async function askRunningNode(
  context: CommandContext,
  config: string | undefined,
): Promise<NetcheckDocument | undefined> {
  using interrupt = new Interrupt();
  try {
    using client = await connectToRunning(context, config, interrupt.signal);
    return (await client.request('netcheck', {}, TIMEOUT_MS)) as NetcheckDocument;
  } catch (error) {
    if (error instanceof CommandError && error.code === 'NOT_RUNNING') return undefined;
    throw error;
  }
}

/** Until it opens sockets there is nothing to clean up, so a signal ends the process as any other: plugins may hang there. */
async function checkFromHere(context: CommandContext, config: string | undefined): Promise<NetcheckDocument> {
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
  using interrupt = new Interrupt();
  try {
    return await node.netcheck({ signal: interrupt.signal });
  } finally {
    await node.stop();
  }
}
