import type { ExplainDocument, StatusDocument } from '@wirepath/core';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Daemon, ProcessEnd } from '../daemon.js';
import type { Lab } from '../lab.js';
import { poll } from '../poll.js';
import { runProgram, tryProgram, type ProgramResult } from '../run-program.js';
import { wirepath } from './command.js';
import { connectionChanges, type Connection, type ConnectionChange } from './connection-log.js';
import { newKeyPair, type KeyPair } from './keys.js';
import { nodeRcText, type NodeRc, type RcPeer } from './rc-file.js';
import { WirepathServer } from './server.js';

export interface NodeOptions {
  /** Last byte of its address in the tunnel, 10.77.0.0/24. */
  readonly number: number;
  readonly keys?: KeyPair;
  /** Of the rc file; `peers` are given later, when their keys are known. */
  readonly rc?: Partial<NodeRc>;
  /** Name of the rc file and of the logs. @default the host's name */
  readonly name?: string;
}

export interface ConnectedOptions {
  /** @default any; of use only with one peer */
  readonly peer?: string;
  /** @default 15 s */
  readonly timeoutMs?: number;
}

export const LISTEN_PORT = 51820;

/** A wirepath node on a host of a lab: its keys, its rc file, and its daemon when it runs. */
export class WirepathNode {
  readonly name: string;
  readonly keys: KeyPair;
  readonly address: string;
  readonly interfaceName: string;
  #daemon: Daemon | undefined;

  constructor(
    readonly lab: Lab,
    readonly host: string,
    private readonly options: NodeOptions,
  ) {
    this.name = options.name ?? host;
    this.keys = options.keys ?? newKeyPair();
    this.address = `10.77.0.${options.number}`;
    this.interfaceName = options.rc?.interfaceName ?? lab.interfaceName(host);
  }

  get rcFile(): string {
    return join(this.lab.folder, `${this.name}.yaml`);
  }

  get daemon(): Daemon {
    if (this.#daemon === undefined) throw new Error(`${this.name} was not started`);
    return this.#daemon;
  }

  /** As others list it in their rc files. */
  asPeer(more: Partial<RcPeer> = {}): RcPeer {
    const { publicKey } = this.keys;
    return { name: this.name, publicKey, allowedIps: [`${this.address}/32`], keepalive: 25, ...more };
  }

  /** Writes key and rc file. @param rc on top of what it was made with. */
  async configure(peers: readonly RcPeer[], rc: Partial<NodeRc> = {}): Promise<void> {
    const keyFile = join(this.lab.folder, `${this.name}.key`);
    await writeFile(keyFile, `${this.keys.privateKey}\n`, { mode: 0o600 });
    const text = nodeRcText({
      privateKeyFile: `./${this.name}.key`,
      interfaceName: this.interfaceName,
      addresses: [`${this.address}/24`],
      listenPort: LISTEN_PORT,
      rendezvousUrl: WirepathServer.rendezvousUrl,
      logLevel: 'info',
      peers,
      ...this.options.rc,
      ...rc,
    });
    await writeFile(this.rcFile, text, { mode: 0o600 });
  }

  command(name: 'up' | 'status' | 'down' | 'kill-switch' = 'up', ...args: readonly string[]): string[] {
    return wirepath(name, ...args, '--config', this.rcFile);
  }

  /** Starts the daemon; does not wait for anything. */
  start(): Daemon {
    this.#daemon = this.lab.spawn(this.host, this.name, this.command());
    return this.#daemon;
  }

  /** Runs `up` to its end, for the cases in which it ends by itself. */
  tryUp(prefix: readonly string[] = []): Promise<ProgramResult> {
    return this.lab.tryExec(this.host, [...prefix, ...this.command()], { timeoutMs: 15_000 });
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<ProcessEnd> {
    return this.daemon.stop(signal);
  }

  /**
   * Asks this node: `wirepath COMMAND ... --config`, on this machine, for the control socket is reached from everywhere. What
   * sets something in the system (`kill-switch`, `down`) would set it there: it is for `lab.exec` with {@link command}.
   */
  run(command: string, ...args: readonly string[]): Promise<string> {
    return runProgram(this.#client(command, ...args), { env: this.lab.env, timeoutMs: 30_000 });
  }

  async status(): Promise<StatusDocument> {
    return JSON.parse(await this.run('status', '--json')) as StatusDocument;
  }

  async explain(peer: string): Promise<ExplainDocument> {
    return JSON.parse(await this.run('explain', peer, '--json')) as ExplainDocument;
  }

  /** How it has been connected since its last start, to a peer or to any. */
  connectionChanges(peer?: string): ConnectionChange[] {
    return connectionChanges(this.daemon.log()).filter((change) => peer === undefined || change.peer === peer);
  }

  /**
   * Waits until the log has it connected so; much cheaper than asking for the status again and again.
   * @returns the change. @throws Error with all changes when it is not within the time.
   */
  async untilConnected(connection: Connection, { peer, timeoutMs = 15_000 }: ConnectedOptions = {}) {
    const look = () => {
      const last = this.connectionChanges(peer).at(-1);
      return last?.connection === connection ? last : undefined;
    };
    try {
      return await poll(look, { what: `${connection} at ${this.name}`, timeoutMs, intervalMs: 20 });
    } catch (error) {
      const path = this.connectionChanges(peer).map((change) => change.connection);
      throw new Error(`${connection} at ${this.name}: not within ${timeoutMs} ms, but ${path.join(', ')}`, {
        cause: error,
      });
    }
  }

  /** Waits until `status` shows something. @throws Error with the last status when it does not within the time. */
  async until(
    what: string,
    condition: (status: StatusDocument) => boolean,
    timeoutMs = 15_000,
  ): Promise<StatusDocument> {
    let last = 'nothing';
    const ask = async () => {
      const result = await tryProgram(this.#client('status', '--json'), { env: this.lab.env });
      last = result.stdout || result.stderr;
      if (result.code !== 0) return undefined;
      const status = JSON.parse(result.stdout) as StatusDocument;
      return condition(status) ? status : undefined;
    };
    try {
      return await poll(ask, { what: `${what} at ${this.name}`, timeoutMs });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}; last: ${last}`, { cause: error });
    }
  }

  /** Waits until the rendezvous server has it. */
  async untilRegistered(): Promise<void> {
    await this.until('signalling up', ({ signaling }) => signaling.some(({ state }) => state === 'up'));
  }

  #client(command: string, ...args: readonly string[]): string[] {
    return wirepath(command, ...args, '--config', this.rcFile);
  }
}
