import { EXIT_DONE } from '../wording/error-line.js';
import type { ExplainDocument } from '@wirepath/core';
import { formatExplain } from '../text/explain-text.js';
import { palette } from '../text/palette.js';
import type { CommandContext } from './definition.js';
import { printJson } from './json-document.js';
import { connectToRunning } from './running-process.js';

export interface ExplainOptions {
  readonly config?: string;
  readonly json?: boolean;
}

export async function explain(context: CommandContext, options: ExplainOptions, peer: string): Promise<number> {
  const { terminal } = context;
  using client = await connectToRunning(context, options.config);
  const document = (await client.request('explain', { peer })) as ExplainDocument;
  if (options.json === true) printJson(terminal, document);
  else terminal.out.write(formatExplain(document, palette(terminal.out.colors)));
  return EXIT_DONE;
}
