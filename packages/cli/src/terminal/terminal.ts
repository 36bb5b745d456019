import type { Readable } from 'node:stream';

/** The process's surroundings, as a command sees them; tests hand in their own. */
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
