import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { accessSync, constants, existsSync, mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { formatKey, generatePrivateKey, publicKeyOf } from '../../src/protocol/keys.js';
import { until } from './until.js';

const exec = promisify(execFile);

export const OUR_IP = '10.213.0.2';
export const THEIR_IP = '10.213.0.1';

let instances = 0;

/** A wireguard-go process with its TUN device in a namespace of its own. */
export class WireguardGo {
  readonly publicKey: string;
  port = 0;
  readonly #name = `wpt${process.pid % 100_000}x${instances++}`;
  readonly #privateKey = generatePrivateKey();
  readonly #folder = mkdtempSync(join(tmpdir(), 'wireguard-go-'));
  #secrets = 0;
  #process: ChildProcess | undefined;

  private constructor() {
    this.publicKey = formatKey(publicKeyOf(this.#privateKey));
  }

  static async start(): Promise<WireguardGo> {
    const instance = new WireguardGo();
    try {
      await instance.#start();
    } catch (error) {
      await instance.stop();
      throw error;
    }
    return instance;
  }

  async #start(): Promise<void> {
    const name = this.#name;
    this.#process = spawn('wireguard-go', ['-f', name], { stdio: 'ignore' });
    await until(() => existsSync(`/var/run/wireguard/${name}.sock`));
    await exec('ip', ['netns', 'add', name]);
    await exec('ip', ['link', 'set', name, 'netns', name]);
    await exec('ip', ['-n', name, 'addr', 'add', `${THEIR_IP}/24`, 'dev', name]);
    await exec('ip', ['-n', name, 'link', 'set', 'dev', name, 'mtu', '1420', 'up']);
    await this.#wg(['private-key', await this.#secretFile(this.#privateKey)]);
    await this.setPort(await freePort());
  }

  async setPort(port: number): Promise<void> {
    this.port = port;
    await this.#wg(['listen-port', String(port)]);
  }

  async addPeer(
    publicKey: string,
    options: {
      presharedKey: Uint8Array | undefined;
      endpoint: string | undefined;
      keepaliveSeconds: number | undefined;
    },
  ): Promise<void> {
    const { presharedKey, endpoint, keepaliveSeconds } = options;
    const args = ['peer', publicKey, 'allowed-ips', `${OUR_IP}/32`];
    if (endpoint !== undefined) args.push('endpoint', endpoint);
    if (keepaliveSeconds !== undefined) args.push('persistent-keepalive', String(keepaliveSeconds));
    if (presharedKey !== undefined) args.push('preshared-key', await this.#secretFile(presharedKey));
    await this.#wg(args);
  }

  async setKeepalive(publicKey: string, seconds: number): Promise<void> {
    await this.#wg(['peer', publicKey, 'persistent-keepalive', String(seconds)]);
  }

  /** A kernel ping from behind the TUN to us; resolves when it is answered. */
  async ping(size = 56, deadlineSeconds = 10): Promise<void> {
    const args = ['netns', 'exec', this.#name, 'ping', '-c', '1', '-i', '0.2', '-w', String(deadlineSeconds)];
    await exec('ip', [...args, '-s', String(size), OUR_IP]);
  }

  async show(what: string): Promise<string> {
    return (await exec('wg', ['show', this.#name, what])).stdout;
  }

  /** Bytes received, as it counts them. */
  async received(): Promise<number> {
    return Number((await this.show('transfer')).split(/\s+/)[1]);
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child !== undefined && child.exitCode === null) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await Promise.race([exited, delay(3000)]);
      if (child.exitCode === null) child.kill('SIGKILL');
    }
    await exec('ip', ['netns', 'del', this.#name]).catch(() => {
      // It was never made, when the start failed early.
    });
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #wg(args: string[]): Promise<void> {
    await exec('wg', ['set', this.#name, ...args]);
  }

  /** `wg` takes secrets from files only. */
  async #secretFile(key: Uint8Array): Promise<string> {
    const file = join(this.#folder, `${this.#secrets++}.key`);
    await writeFile(file, formatKey(key), { mode: 0o600 });
    return file;
  }
}

/** @returns undefined where it can run here. */
export function whyUnavailable(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    return 'no /dev/net/tun';
  }
  for (const [program, args] of [
    ['wireguard-go', ['--version']],
    ['wg', ['--version']],
    ['ping', ['-V']],
    ['ip', ['netns', 'list']],
  ] as const) {
    try {
      execFileSync(program, args, { stdio: 'ignore' });
    } catch {
      return `${program} is not here or does not run`;
    }
  }
  return undefined;
}

export async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '0.0.0.0', resolve));
  const { port } = socket.address();
  socket.close();
  return port;
}
