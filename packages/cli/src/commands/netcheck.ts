import { CommandError } from '../control/failure.js';
import { EXIT_DONE } from '../error-line.js';
import { createLogger, createNode, loadConfig, type NetcheckDocument } from '@wirepath/core';
import { Interrupt } from '../terminal/interrupt.js';
import { formatNetcheck } from '../text/netcheck-text.js';
import { palette } from '../text/palette.js';
import { reportWarnings } from './config-warnings.js';
import type { CommandContext } from './definition.js';
import { printJson } from './json-document.js';
import { requireNode } from './require-node.js';
import { connectToRunning, requireConfigFile } from './running-process.js';

export interface NetcheckOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** Several servers, each with retransmissions. */
const TIMEOUT_MS = 30_000;

/** Asks the running node, whose sockets have the mappings that matter; without one, looks from sockets of its own. */
export async function netcheck(context: CommandContext, options: NetcheckOptions): Promise<number> {
  const { terminal } = context;
  using interrupt = new Interrupt();
  const document =
    (await askRunningNode(context, options.config, interrupt.signal)) ??
    (await checkFromHere(context, options.config, interrupt.signal));
  if (options.json === true) printJson(terminal, document);
  else terminal.out.write(formatNetcheck(document, palette(terminal.out.colors)));
  return EXIT_DONE;
}

async function askRunningNode(
  context: CommandContext,
  config: string | undefined,
  signal: AbortSignal,
): Promise<NetcheckDocument | undefined> {
  try {
    using client = await connectToRunning(context, config, signal);
    return (await client.request('netcheck', {}, TIMEOUT_MS)) as NetcheckDocument;
  } catch (error) {
    if (error instanceof CommandError && error.code === 'NOT_RUNNING') return undefined;
    throw error;
  }
}

async function checkFromHere(
  context: CommandContext,
  config: string | undefined,
  signal: AbortSignal,
): Promise<NetcheckDocument> {
  const { product, terminal } = context;
  const file = await requireConfigFile(context, config);
  const loaded = await loadConfig(product, { configPath: file, env: terminal.env });
  requireNode(context, loaded);
  reportWarnings(context, loaded);
  const logger = await createLogger({ name: product.name, level: 'warn', destination: 'stderr', format: 'auto' });
  const node = await createNode(product, loaded, { logger });
  try {
    return await node.netcheck({ signal });
  } finally {
    await node.stop();
  }
}
