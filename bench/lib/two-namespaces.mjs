import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const LAST_WORDS = 2000;
const RETRY_MS = 50;
const RETRY_FOR_MS = 15_000;
/** What SIGINT and SIGTERM close. */
const openLabs = new Set();
let opened = 0;
let closesOnSignals = false;
/** By a signal: nothing more is started. */
let stopped = false;

/** Two network namespaces joined by a veth, on 192.0.2.1 and 192.0.2.2, with a folder of their own; all gone after close(). */
export class TwoNamespaces {
  names = ['a', 'b'].map((side) => `wpb${process.pid}${side}`);
  addresses = ['192.0.2.1', '192.0.2.2'];
  folder;
  /** Of this process's labs. */
  number = (opened += 1);
  #children = new Set();
  /** Ended without having been told to. */
  #ended = [];

  static async open() {
    closeOnSignals();
    refuseOnceStopped();
    const lab = new TwoNamespaces();
    lab.folder = await mkdtemp(join(tmpdir(), 'wirepath-bench-'));
    openLabs.add(lab);
    const [a, b] = lab.names;
    try {
      for (const name of lab.names) await lab.#run('netns', 'add', name);
      await lab.#run('link', 'add', 'eth0', 'netns', a, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b);
      for (const side of [0, 1]) {
        await lab.exec(side, 'ip', 'link', 'set', 'lo', 'up');
        await lab.exec(side, 'ip', 'address', 'add', `${lab.addresses[side]}/24`, 'dev', 'eth0');
        await lab.exec(side, 'ip', 'link', 'set', 'eth0', 'up');
      }
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Runs a command to its end. @returns its stdout. */
  async exec(side, ...command) {
    return this.#run('netns', 'exec', this.names[side], ...command);
  }

  async #run(...args) {
    refuseOnceStopped();
    const running = run('ip', args, { maxBuffer: 1 << 26 });
    running.child.lastWords = '';
    this.#children.add(running.child);
    running.child.on('close', () => this.#children.delete(running.child));
    const { stdout } = await running;
    return stdout;
  }

  /** Starts a command that stays. @returns a process whose `pid` is the command's own. */
  spawn(side, command, { env = {} } = {}) {
    refuseOnceStopped();
    const child = spawn('ip', ['netns', 'exec', this.names[side], ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // What a node keeps of its peers is no figure, and must not stay on the machine.
      env: { ...process.env, XDG_STATE_HOME: this.folder, ...env },
    });
    child.lastWords = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => (child.lastWords = (child.lastWords + text).slice(-LAST_WORDS)));
    }
    this.#children.add(child);
    child.on('close', () => {
      if (this.#children.delete(child) && !child.killed) this.#ended.push(child);
    });
    return child;
  }

  /** Waits until a command succeeds in a namespace; not once a daemon has ended. */
  async until(side, ...command) {
    const deadline = Date.now() + RETRY_FOR_MS;
    let last;
    while (Date.now() < deadline && this.#ended.length === 0) {
      try {
        return await this.exec(side, ...command);
      } catch (error) {
        last = error;
        await sleep(RETRY_MS);
      }
    }
    const ended = this.#ended.map(({ spawnargs, exitCode, signalCode, lastWords }) => {
      return `${spawnargs.slice(4).join(' ')} ended with ${exitCode ?? signalCode}: ${lastWords}`;
    });
    const words = [...this.#children].map(({ lastWords }) => lastWords);
    throw new Error([`${command.join(' ')}: ${last?.message ?? 'not tried'}`, ...ended, ...words].join('\n'));
  }

  async stop(child) {
    if (!this.#children.has(child)) return;
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await closed;
    clearTimeout(timer);
  }

  async close() {
    await Promise.all([...this.#children].map((child) => this.stop(child)));
    // A namespace that was never made is none to remove.
    for (const name of this.names) await run('ip', ['netns', 'delete', name]).catch(() => undefined);
    await rm(this.folder, { recursive: true, force: true });
    openLabs.delete(this);
  }
}

function refuseOnceStopped() {
  if (stopped) throw new Error('stopped by a signal');
}

/** Ctrl-C leaves nothing behind. */
function closeOnSignals() {
  if (closesOnSignals) return;
  closesOnSignals = true;
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
    // Not `once`: the second of two signals would end the process in the midst of its clearing up.
    process.on(signal, async () => {
      if (stopped) return;
      stopped = true;
      // What was waited for fails now, which is nobody's concern any more.
      process.on('uncaughtException', () => undefined);
      await Promise.all([...openLabs].map((lab) => lab.close()));
      process.exit(code);
    });
  }
}
