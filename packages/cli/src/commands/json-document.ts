import type { CommandTerminal } from '../terminal/terminal.js';

/** The one document that `--json` prints. */
export function printJson({ out }: CommandTerminal, document: unknown): void {
  out.write(`${JSON.stringify(document, null, 2)}\n`);
}
