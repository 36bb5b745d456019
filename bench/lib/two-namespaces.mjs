import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Two network namespaces joined by a veth, on 192.0.2.1 and 192.0.2.2, with a folder of their own; all gone after close(). */
export class TwoNamespaces {
  names = ['a', 'b'].map((side) => `wpb${process.pid}${side}`);
  addresses = ['192.0.2.1', '192.0.2.2'];
  folder;
  #children = new Set();

  static async open() {
    const lab = new TwoNamespaces();
    lab.folder = await mkdtemp(join(tmpdir(), 'wirepath-bench-'));
    const [a, b] = lab.names;
    try {
      for (const name of lab.names) await run('ip', ['netns', 'add', name]);
      await run('ip', ['link', 'add', 'eth0', 'netns', a, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b]);
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
    const { stdout } = await run('ip', ['netns', 'exec', this.names[side], ...command], { maxBuffer: 1 << 26 });
    return stdout;
  }

  /** Starts a command that stays. @returns a process whose `pid` is the command's own. */
  spawn(side, command, { env = {}, stdout = 'ignore' } = {}) {
    const child = spawn('ip', ['netns', 'exec', this.names[side], ...command], {
      stdio: ['ignore', stdout, 'pipe'],
      env: { ...process.env, ...env },
    });
    child.lastWords = '';
    child.stderr.on('data', (text) => (child.lastWords = (child.lastWords + text).slice(-2000)));
    this.#children.add(child);
    child.on('close', () => this.#children.delete(child));
    return child;
  }

  /** Waits until a command succeeds in a namespace. */
  async until(side, ...command) {
    let last;
    for (let i = 0; i < 100; i += 1) {
      try {
        return await this.exec(side, ...command);
      } catch (error) {
        last = error;
        await sleep(100);
      }
    }
    const words = [...this.#children].map(({ lastWords }) => lastWords).join('\n');
    throw new Error(`${command.join(' ')}: ${last.message}\n${words}`);
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
    for (const child of [...this.#children]) await this.stop(child);
    // A namespace that was never made is none to remove.
    for (const name of this.names) await run('ip', ['netns', 'delete', name]).catch(() => undefined);
    await rm(this.folder, { recursive: true, force: true });
  }
}
