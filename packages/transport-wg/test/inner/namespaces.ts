import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { formatKey, generatePrivateKey, publicKeyOf } from '../../src/protocol/keys.js';

const fixture = fileURLToPath(new URL('./fixtures/node.mjs', import.meta.url));
const build = fileURLToPath(new URL('../../dist/embedded/embedded-transport.js', import.meta.url));
export const EVENT_DEADLINE_MS = 10_000;

/** Why network namespaces and TUN devices cannot be tested here; undefined where they can. */
export function reasonToSkip(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  if (!existsSync(build)) return 'needs a build';
  try {
    run('ip', '-V');
    run('ping', '-V');
    const probe = `wpprobe${process.pid}`;
    run('ip', 'netns', 'add', probe);
    run('ip', 'netns', 'del', probe);
  } catch {
    return 'needs iproute2, ping and the right to make network namespaces';
  }
  return undefined;
}

export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
}

export function hasProgram(name: string): boolean {
  try {
    run('sh', '-c', `command -v ${name}`);
    return true;
  } catch {
    return false;
  }
}

let sequence = 0;

/** Two namespaces joined by a veth, 10.1.0.1 and 10.1.0.2 (fd01::1 and fd01::2); b also has 192.0.2.7. */
export class TwoNamespaces implements Disposable {
  readonly a: string;
  readonly b: string;

  constructor() {
    const id = `wp${process.pid}-${sequence++}`;
    this.a = `${id}-a`;
    this.b = `${id}-b`;
    try {
      run('ip', 'netns', 'add', this.a);
      run('ip', 'netns', 'add', this.b);
      run('ip', '-n', this.a, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.b);
      for (const [namespace, host] of [
        [this.a, 1],
        [this.b, 2],
      ] as const) {
        run('ip', '-n', namespace, 'address', 'add', `10.1.0.${host}/24`, 'dev', 'eth0');
        run('ip', '-n', namespace, 'address', 'add', `fd01::${host}/64`, 'dev', 'eth0', 'nodad');
        run('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
        run('ip', '-n', namespace, 'link', 'set', 'eth0', 'up');
      }
      run('ip', '-n', this.b, 'address', 'add', '192.0.2.7/32', 'dev', 'lo');
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Runs a command in a namespace and returns what it prints. */
  in(namespace: string, command: string, ...args: string[]): string {
    return run('ip', 'netns', 'exec', namespace, command, ...args);
  }

  /** Whether a ping is answered within the deadline. */
  pings(namespace: string, address: string): boolean {
    try {
      this.in(namespace, 'ping', '-c', '1', '-i', '0.2', '-w', '10', address);
      return true;
    } catch {
      return false;
    }
  }

  [Symbol.dispose](): void {
    for (const namespace of [this.a, this.b]) {
      try {
        run('ip', 'netns', 'del', namespace);
      } catch {
        // Never made, as the constructor failed before.
      }
    }
  }
}

export interface NodeEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A child process with an embedded transport. */
export class NodeProcess {
  readonly publicKey: string;
  readonly events: NodeEvent[] = [];
  readonly #privateKey: string;
  #child: ChildProcess | undefined;
  #heard: () => void = () => undefined;

  constructor() {
    const privateKey = generatePrivateKey();
    this.#privateKey = formatKey(privateKey);
    this.publicKey = formatKey(publicKeyOf(privateKey));
  }

  /** @param wrapper a command that the process is started through, such as `setpriv`. */
  start(
    namespace: string,
    config: { interfaceName: string; address: string; options?: object; peers?: object[]; clockRate?: number },
    wrapper: readonly string[] = [],
  ): void {
    const { interfaceName, address, options = {}, peers = [], clockRate = 1 } = config;
    const settings = {
      privateKey: this.#privateKey,
      node: { interfaceName, addresses: [address], mtu: 1420 },
      options,
      peers,
      clockRate,
    };
    const command = ['ip', 'netns', 'exec', namespace, ...wrapper, process.execPath, fixture, JSON.stringify(settings)];
    const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    const heard = (event: NodeEvent) => {
      this.events.push(event);
      this.#heard();
    };
    createInterface({ input: child.stdout }).on('line', (line) => heard(JSON.parse(line) as NodeEvent));
    createInterface({ input: child.stderr }).on('line', (line) => heard({ event: 'stderr', line }));
    child.on('exit', (code, signal) => heard({ event: 'exit', code, signal }));
  }

  tell(command: string, parameters: object = {}): void {
    this.#child?.stdin?.write(`${JSON.stringify({ command, ...parameters })}\n`);
  }

  /** Of the process itself: `ip netns exec` becomes what it runs. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** What a command is answered with, by an event of its name. */
  ask(command: string, parameters: object = {}): Promise<NodeEvent> {
    const since = this.events.length;
    this.tell(command, parameters);
    return this.event(command, since);
  }

  /** The first event of that kind, waiting for it. @param since of those from this one on. */
  async event(name: string, since = 0): Promise<NodeEvent> {
    const deadline = performance.now() + EVENT_DEADLINE_MS;
    for (;;) {
      const found = this.events.slice(since).find(({ event }) => event === name);
      if (found) return found;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`waited in vain for "${name}" after ${JSON.stringify(this.events)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#heard = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Asks it to stop, and waits until the process ends by itself: something left open would keep it. */
  async stop(): Promise<number> {
    const start = performance.now();
    this.tell('stop');
    await this.event('exit');
    return performance.now() - start;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

/** Two namespaces, and a node for each that is not started yet. {@link endBoth} when the test is over. */
export const newEnds = () => ({ lab: new TwoNamespaces(), a: new NodeProcess(), b: new NodeProcess() });

/** Ends them, however they are, and leaves nothing of them. @param interfaceNames that they were started with. */
export async function endBoth(
  { lab, a, b }: ReturnType<typeof newEnds>,
  interfaceNames: readonly string[],
): Promise<void> {
  try {
    await Promise.all([a.kill(), b.kill()]);
  } finally {
    lab[Symbol.dispose]();
    // A killed process cannot remove its UAPI socket.
    for (const name of interfaceNames) rmSync(`/var/run/wireguard/${name}.sock`, { force: true });
  }
}
