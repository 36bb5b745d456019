import type { StatusDocument } from '@wirepath/core';
import type { ServerStatusDocument } from '../node/server-status.js';
import { Interrupt } from '../terminal/interrupt.js';
import { palette } from '../text/palette.js';
import type { StartingDocument } from '../node/starting-status.js';
import { formatServerStatus } from '../text/server-status-text.js';
import { formatStarting } from '../text/starting-text.js';
import { formatStatus } from '../text/status-text.js';
import { EXIT_DONE } from '../wording/error-line.js';
import type { CommandContext } from './definition.js';
import { printJson } from './json-document.js';
import { connectToRunning } from './running-process.js';

export interface StatusOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

const WATCH_INTERVAL_MS = 1000;

export async function status(context: CommandContext, options: StatusOptions): Promise<number> {
  const { terminal } = context;
  if (options.watch === true) return watch(context, options);
  using client = await connectToRunning(context, options.config);
  const document = await client.request('status');
  if (options.json === true) printJson(terminal, document);
  else terminal.out.write(formatAny(document, terminal.out.colors));
  return EXIT_DONE;
}

async function watch(context: CommandContext, { config, json }: StatusOptions): Promise<number> {
  const { out } = context.terminal;
  using interrupt = new Interrupt();
  using client = await connectToRunning(context, config, interrupt.signal);
  try {
    await client.watch(WATCH_INTERVAL_MS, (document) => {
      if (json === true) {
        out.write(`${JSON.stringify(document)}\n`);
        return;
      }
      out.clear('screen');
      out.write(`${formatAny(document, out.colors)}${out.isTty ? '' : '\n'}`);
    });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
  }
  return EXIT_DONE;
}

function formatAny(document: unknown, colors: boolean): string {
  const options = { palette: palette(colors), nowUnixMs: Date.now() };
  if (isStarting(document)) return formatStarting(document, options);
  return isServerStatus(document)
    ? formatServerStatus(document, options)
    : formatStatus(document as StatusDocument, options);
}

function isStarting(document: unknown): document is StartingDocument {
  return typeof document === 'object' && document !== null && 'starting' in document;
}

/** What answers is of our own version (the hello says so), so its kind is all that is left to tell. */
function isServerStatus(document: unknown): document is ServerStatusDocument {
  return typeof document === 'object' && document !== null && 'server' in document;
}
