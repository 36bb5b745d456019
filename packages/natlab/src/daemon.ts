import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { poll } from './poll.js';
import { favourSession } from './scheduling.js';

export interface DaemonOptions {
  readonly env?: NodeJS.ProcessEnv;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program that runs in the lab until it is ended; stdout and stderr go to one file. */
export class Daemon {
  /** When it was started, unix ms. */
  readonly startedAtMs = Date.now();
  readonly exited: Promise<ProcessEnd>;
  #end: ProcessEnd | undefined;

  private constructor(
    readonly name: string,
    private readonly child: ChildProcess,
    private readonly file: string,
  ) {
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        this.#end = { code, signal };
        resolve(this.#end);
      });
    });
    this.exited.catch(() => undefined);
    child.unref();
  }

  static spawn(name: string, command: readonly string[], file: string, options: DaemonOptions = {}): Daemon {
    const [program = '', ...args] = command;
    const output = openSync(file, 'a', 0o600);
    try {
      const child = spawn(program, args, {
        stdio: ['ignore', output, output],
        // A session of its own is what the kernel weighs against the machine's other work.
        detached: true,
        ...(options.env && { env: options.env }),
      });
      favourSession(child.pid);
      return new Daemon(name, child, file);
    } finally {
      closeSync(output);
    }
  }

  /** Of the program itself: `ip netns exec` becomes what it runs. */
  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.name} did not start`);
    return this.child.pid;
  }

  get alive(): boolean {
    return this.#end === undefined;
  }

  log(): string {
    return readFileSync(this.file, 'utf8');
  }

  /** Waits for something in the log. @throws Error when it ends before, or takes too long. */
  async logged(pattern: RegExp, timeoutMs = 15_000): Promise<RegExpExecArray> {
    const look = () => {
      const found = pattern.exec(this.log());
      if (found) return found;
      if (!this.alive) throw new Error(`${this.name} ended without ${pattern}:\n${this.log()}`);
      return undefined;
    };
    return poll(look, { what: `${pattern} in the log of ${this.name}`, timeoutMs, intervalMs: 10 });
  }

  /** @throws Error when it does not end within the time; it is killed then. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 8000): Promise<ProcessEnd> {
    if (this.#end) return this.#end;
    this.child.kill(signal);
    try {
      return await poll(() => this.#end, { what: `end of ${this.name} after ${signal}`, timeoutMs, intervalMs: 5 });
    } catch (error) {
      this.child.kill('SIGKILL');
      throw error;
    }
  }
}
