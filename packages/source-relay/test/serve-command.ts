import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { transportAddress } from '@wirepath/core/plugin';
import type { StunMessage, StunMessageFields } from '@wirepath/stun-codec';
import { eventually } from './eventually.js';
import { RawClient } from './raw-client.js';

/** The built command, as users run it. */
const BIN = fileURLToPath(new URL('../../cli/bin/wirepath.js', import.meta.url));

export interface ServerStatus {
  readonly parts: readonly { readonly figures: Readonly<Record<string, unknown>> }[];
  readonly drainsUntil: string | null;
}

/** `serve` or `up` as a process, with an rc file of its own. */
export class ForegroundCommand {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly exited: Promise<number | null>;
  output = '';

  /** @param files beside the rc file, by name. @param under a program, with its arguments, that becomes the command. */
  static async start(
    command: 'serve' | 'up',
    content: object,
    {
      args = [],
      files = {},
      under = [],
    }: { args?: readonly string[]; files?: Readonly<Record<string, string>>; under?: readonly string[] } = {},
  ): Promise<ForegroundCommand> {
    const folder = await mkdtemp(join(tmpdir(), 'wirepath-command-'));
    for (const [name, text] of Object.entries({ ...files, 'rc.json': JSON.stringify(content) }))
      await writeFile(join(folder, name), text, { mode: 0o600 });
    const started = new ForegroundCommand(folder, [
      ...under,
      process.execPath,
      BIN,
      command,
      '--config',
      'rc.json',
      ...args,
    ]);
    await eventually(`${command} to be up`, () => started.output.includes(' is up'), 20_000).catch((error: unknown) => {
      throw new Error(started.output, { cause: error });
    });
    return started;
  }

  private constructor(folder: string, [program = '', ...args]: readonly string[]) {
    this.#folder = folder;
    const child = spawn(program, args, this.#options());
    this.#child = child;
    child.stdout.on('data', (text) => (this.output += String(text)));
    child.stderr.on('data', (text) => (this.output += String(text)));
    this.exited = once(child, 'exit').then(([code]) => code as number | null);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  status(): ServerStatus {
    const { stdout } = this.#run('--json');
    return (JSON.parse(stdout) as { readonly server: ServerStatus }).server;
  }

  statusText(): string {
    return this.#run().stdout;
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
    await rm(this.#folder, { recursive: true });
  }

  #run(...args: string[]) {
    return spawnSync(process.execPath, [BIN, 'status', '--config', 'rc.json', ...args], {
      ...this.#options(),
      encoding: 'utf8',
    });
  }

  #options() {
    const folder = this.#folder;
    return { cwd: folder, env: { ...process.env, XDG_RUNTIME_DIR: folder, TMPDIR: folder } };
  }
}

/** A client over a connection that waits for its answers. */
export function patientClient(socket: Duplex & { readonly localPort?: number | undefined }) {
  const client = RawClient.over(socket, transportAddress('127.0.0.1', socket.localPort ?? 0));
  const request = async (fields: Partial<StunMessageFields> & Pick<StunMessageFields, 'method'>) => {
    const before = client.inbox.length;
    const bytes = client.encode(fields);
    await client.send(bytes);
    await eventually('an answer', () => client.inbox.length > before);
    client.takeNonce();
    return client.answerTo(bytes);
  };
  return {
    client,
    request,
    async allocate(): Promise<StunMessage | undefined> {
      const first = await request({ method: 'allocate', requestedTransport: 17 });
      return first?.errorCode?.code === 401 ? request({ method: 'allocate', requestedTransport: 17 }) : first;
    },
  };
}

export async function connectTcp(port: number) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}
