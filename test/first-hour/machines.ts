import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const run = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Machines with networks, users, `/etc` and `/run` of their own, on one Ethernet. */
export class Machines implements AsyncDisposable {
  readonly #id = `fh${process.pid}`;
  readonly #machines: Machine[] = [];

  constructor(
    readonly work: string,
    readonly env: Readonly<Record<string, string>>,
  ) {
    run('netns', 'add', this.#id);
    run('-n', this.#id, 'link', 'add', 'net', 'type', 'bridge');
    run('-n', this.#id, 'link', 'set', 'net', 'up');
  }

  /** @param addresses the first is the one that it sends from by itself. */
  async add(name: string, addresses: readonly string[], hosts: string): Promise<Machine> {
    const namespace = `${this.#id}-${name}`;
    const machine = new Machine(name, namespace, join(this.work, name), this.env);
    this.#machines.push(machine);
    run('netns', 'add', namespace);
    run('-n', this.#id, 'link', 'add', `to-${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    run('-n', this.#id, 'link', 'set', `to-${name}`, 'master', 'net', 'up');
    for (const address of addresses) run('-n', namespace, 'address', 'add', address, 'dev', 'eth0');
    for (const link of ['lo', 'eth0']) run('-n', namespace, 'link', 'set', link, 'up');
    await machine.boot(hosts);
    return machine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const machine of this.#machines) await machine.halt();
    for (const { namespace } of this.#machines) run('netns', 'del', namespace);
    run('netns', 'del', this.#id);
  }
}

export class Machine {
  #init: ChildProcess | undefined;

  constructor(
    readonly name: string,
    readonly namespace: string,
    readonly folder: string,
    readonly env: Readonly<Record<string, string>>,
  ) {}

  /** Mounts of its own hold for as long as this process does. */
  async boot(hosts: string): Promise<void> {
    mkdirSync(this.folder);
    const script = [
      `mount -t tmpfs tmpfs ${this.folder}`,
      `mkdir ${this.folder}/upper ${this.folder}/work`,
      `mount -t overlay overlay -o lowerdir=/etc,upperdir=${this.folder}/upper,workdir=${this.folder}/work /etc`,
      'mount -t tmpfs -o mode=755 tmpfs /run',
      'rm -rf /etc/wirepath; mkdir -p /etc/systemd/system',
      `echo '${hosts}' >> /etc/hosts`,
      'echo booted',
      'exec cat',
    ];
    const args = ['netns', 'exec', this.namespace, 'unshare', '--mount', '--propagation', 'private'];
    this.#init = spawn('ip', [...args, 'sh', '-euc', script.join('\n')], { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.#init;
    await new Promise<void>((resolve, reject) => {
      stdout?.once('data', () => resolve());
      this.#init?.once('exit', () => reject(new Error(`${this.name} does not boot`)));
    });
  }

  /** A line as root types it. @returns what it prints. @throws with what it prints where it fails. */
  async type(line: string, cwd = '/'): Promise<string> {
    const args = ['--target', String(this.#init?.pid), '--mount', '--net', '--', 'bash', '-c', `cd ${cwd}; ${line}`];
    const { stdout } = await exec('nsenter', args, { env: this.env, timeout: 120_000 });
    return stdout;
  }

  write(file: string, text: string): Promise<string> {
    return this.type(`base64 -d > ${file} <<< ${Buffer.from(text).toString('base64')}`);
  }

  /** Again and again until it does not fail, and prints what is wanted. */
  async until(line: string, wanted = /(?:)/, timeoutMs = 60_000): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const printed = await this.type(line).catch((error: unknown) => error as Error);
      if (typeof printed === 'string' && wanted.test(printed)) return printed;
      if (performance.now() > deadline) {
        const log = await this.type('tail -n 20 /run/*.log').catch(String);
        throw new Error(`${this.name}: ${line}: not ${String(wanted)} but ${String(printed)}\n${log}`);
      }
      await sleep(250);
    }
  }

  /** Ends what it started, by id. */
  async halt(): Promise<void> {
    if (this.#init === undefined) return;
    const stop =
      'for pid in $(cat /run/*.pid); do kill $pid; while kill -0 $pid; do sleep 0.1; done; done 2> /dev/null';
    await this.type(stop).catch(() => undefined);
    const gone = new Promise((resolve) => this.#init?.once('exit', resolve));
    this.#init.stdin?.end();
    await gone;
  }
}
