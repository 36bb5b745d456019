import { Readable } from 'node:stream';
import type { Output, Terminal } from '../src/terminal/terminal.js';

/** A terminal that keeps what is written to it. */
export interface MemoryTerminal extends Terminal {
  readonly outText: () => string;
  readonly errText: () => string;
}

export function memoryTerminal(
  options: { isTty?: boolean; colors?: boolean; stdin?: string; cwd?: string; env?: Record<string, string> } = {},
): MemoryTerminal {
  const texts = { out: '', err: '' };
  const output = (name: 'out' | 'err'): Output => ({
    isTty: options.isTty ?? false,
    colors: options.colors ?? false,
    write: (text) => void (texts[name] += text),
  });
  return {
    env: options.env ?? {},
    cwd: options.cwd ?? '/',
    stdin: Readable.from([Buffer.from(options.stdin ?? '')]),
    out: output('out'),
    err: output('err'),
    outText: () => texts.out,
    errText: () => texts.err,
  };
}
