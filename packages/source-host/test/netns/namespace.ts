import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url));
const BUILT = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** Why namespaces cannot be used here; undefined where they can. */
export function namespacesUnavailable(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are Linux only';
  if (process.getuid?.() !== 0) return 'making network namespaces needs root';
  if (!existsSync(BUILT)) return 'the package is not built';
  const probe = new Namespace(`shost-probe-${process.pid}`);
  try {
    probe.create();
    return undefined;
  } catch (error) {
    return `network namespaces cannot be made here: ${String(error)}`;
  } finally {
    probe.remove();
  }
}

export interface ChildEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A network namespace of the test's own. */
export class Namespace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  create(): void {
    execFileSync('ip', ['netns', 'add', this.name], { stdio: 'pipe' });
    this.ip('link set lo up');
  }

  remove(): void {
    try {
      execFileSync('ip', ['netns', 'del', this.name], { stdio: 'pipe' });
    } catch {
      // It was never made: that is what the test tells.
    }
  }

  /** `ip` with these words, inside. */
  ip(words: string): void {
    execFileSync('ip', ['-n', this.name, ...words.split(' ')], { stdio: 'pipe' });
  }

  /** The last line that the child prints. */
  run(...args: string[]): unknown {
    const output = execFileSync('ip', this.#command(args), { stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
    return JSON.parse(output.toString().trim().split('\n').at(-1) ?? '');
  }

  /** A child that prints events until its stdin ends. */
  start(...args: string[]) {
    const child = spawn('ip', this.#command(args), { stdio: ['pipe', 'pipe', 'inherit'] });
    const events: ChildEvent[] = [];
    createInterface(child.stdout).on('line', (line) => events.push(JSON.parse(line) as ChildEvent));
    const closed = once(child, 'close') as Promise<[number | null]>;
    return {
      events,
      async until(condition: (events: readonly ChildEvent[]) => boolean, timeoutMs: number): Promise<boolean> {
        const deadlineMs = Date.now() + timeoutMs;
        while (!condition(events) && Date.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 5));
        return condition(events);
      },
      /** Ends stdin, and waits for the child to end by itself. */
      async finish(): Promise<number | null> {
        child.stdin.end();
        const [exitCode] = await closed;
        return exitCode;
      },
    };
  }

  #command(args: readonly string[]): string[] {
    return ['netns', 'exec', this.name, process.execPath, CHILD, ...args];
  }
}
