import { CommandError } from '../wording/command-error.js';
import { EXIT_DONE } from '../wording/error-line.js';
import type { NetcheckDocument } from '@wirepath/core';
import { Interrupt } from '../terminal/interrupt.js';
import { formatNetcheck } from '../text/netcheck-text.js';
import { palette } from '../text/palette.js';
import type { CommandContext } from './definition.js';
import { printJson } from './json-document.js';
import { connectToRunning } from './running-process.js';
import { unstartedNode } from './unstarted-node.js';

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

async function checkFromHere(context: CommandContext, config: string | undefined): Promise<NetcheckDocument> {
  const { node } = await unstartedNode(context, config);
  using interrupt = new Interrupt();
  try {
    return await node.netcheck({ signal: interrupt.signal });
  } finally {
    await node.stop();
  }
}
