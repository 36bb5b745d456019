import { escapeUnprintable } from '@wirepath/core/plugin';
import type { Readable } from 'node:stream';

/** The process's surroundings; tests hand in their own. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: Readable;
  readonly out: Output;
  readonly err: Output;
}

export interface Output {
  write(text: string): void;
  /** A person looks at it: redraw, animate. */
  readonly isTty: boolean;
  readonly colors: boolean;
}

/** A terminal as commands see it. */
export interface CommandTerminal extends Terminal {
  readonly out: SafeOutput;
  readonly err: SafeOutput;
}

/** Where a command writes. There is no way past it, so that nothing of what it writes is obeyed: see {@link safeOutput}. */
export interface SafeOutput extends Output {
  /** Takes away what stands in the cursor's line or on the screen; nothing where nobody looks. */
  clear(what: 'line' | 'screen'): void;
}

export function processTerminal(): Terminal {
  const { env } = process;
  return {
    env,
    cwd: process.cwd(),
    get stdin() {
      return process.stdin;
    },
    out: processOutput(process.stdout, env),
    err: processOutput(process.stderr, env),
  };
}

/** For what commands get. */
export function safeTerminal(terminal: Terminal): CommandTerminal {
  return {
    env: terminal.env,
    cwd: terminal.cwd,
    get stdin() {
      return terminal.stdin;
    },
    out: safeOutput(terminal.out),
    err: safeOutput(terminal.err),
  };
}

/** What bold, dim and the three colours of the palette begin and end with. */
// eslint-disable-next-line no-control-regex -- these are the only control sequences that a text may hold
const OWN_COLORS = /(\u001b\[(?:1|2|22|31|32|33|39)m)/;

const CLEAR = { line: '\r\u001b[K', screen: '\u001b[H\u001b[2J\u001b[3J' };

/**
 * The edge to a terminal, a pipe or a file. Whatever a name, a server or a plugin has put into a text: no control character
 * gets out but line feeds and, where there are colours, those of the palette. In JSON the same characters are escaped as
 * JSON has it. (Data passes `printable` before, where it is put into a line: it has no colours and no line feeds either.)
 */
export function safeOutput(output: Output): SafeOutput {
  const { isTty, colors } = output;
  return {
    isTty,
    colors,
    write: (text) => output.write(colors ? escapeAllButColors(text) : escapeUnprintable(text)),
    clear: (what) => {
      if (isTty) output.write(CLEAR[what]);
    },
  };
}

function escapeAllButColors(text: string): string {
  // Split by a group: every second part is a colour.
  const parts = text.split(OWN_COLORS);
  return parts.map((part, index) => (index % 2 === 1 ? part : escapeUnprintable(part))).join('');
}

function processOutput(stream: NodeJS.WriteStream, env: Terminal['env']): Output {
  // Whoever read us (`| head`) has left: nothing more can be said, and that is no failure.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
  });
  // Undefined for a pipe or a file, whatever its type says.
  const isTty = (stream as { isTTY?: boolean }).isTTY ?? false;
  const colors = isTty && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  return { isTty, colors, write: (text) => void stream.write(text) };
}
