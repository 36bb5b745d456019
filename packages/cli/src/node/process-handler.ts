import type { PluginPhases, Product } from '@wirepath/core';
import { Listeners } from '@wirepath/core/plugin';
import type { ControlHandler, ControlMethod } from '../control/connection.js';
import { CommandError } from '../wording/command-error.js';
import { CONTROL_PROTOCOL_VERSION, type Hello, type ProcessRole } from '../control/protocol.js';
import type { ForegroundProcess } from './foreground-process.js';
import { startingDocument, startingStatus } from './starting-status.js';

export interface ProcessHandlerOptions {
  readonly product: Pick<Product, 'name' | 'version'>;
  readonly role: ProcessRole;
  readonly phases: PluginPhases;
}

/** Of a node, beside `status`: asked for before there is one, they say that it starts. */
const LATER_METHODS = ['explain', 'ping', 'netcheck'];

/** Answers on the control socket from before the first plugin is imported: then already `status` says who is waited for. */
export class ProcessHandler implements ControlHandler {
  readonly methods = new Map<string, ControlMethod>();
  readonly #options: ProcessHandlerOptions;
  readonly #sinceMs = Date.now();
  readonly #listeners = new Listeners();
  #publicKey: string | null = null;
  #process: ForegroundProcess | undefined;
  #up = false;

  constructor(options: ProcessHandlerOptions) {
    this.#options = options;
    this.methods.set('status', () => this.snapshot());
    for (const name of LATER_METHODS) this.methods.set(name, () => this.#refuse());
  }

  get hello(): Hello {
    const { product, role } = this.#options;
    const { name, version } = product;
    return {
      protocol: CONTROL_PROTOCOL_VERSION,
      product: name,
      version,
      pid: process.pid,
      role,
      publicKey: this.#publicKey,
    };
  }

  /** The configuration is read. */
  knowKey(publicKey: string | null): void {
    this.#publicKey = publicKey;
  }

  /** The node or the servers are created. */
  serve(created: ForegroundProcess): void {
    this.#process = created;
    for (const [name, method] of Object.entries(created.methods)) this.methods.set(name, method);
    created.onChange(() => this.#listeners.tell());
    this.#listeners.tell();
  }

  up(): void {
    this.#up = true;
    this.#listeners.tell();
  }

  snapshot(): unknown {
    const { role, phases, product } = this.#options;
    const running = phases.running();
    if (this.#process === undefined) {
      const { version } = product;
      const starting = { role, version, sinceMs: this.#sinceMs, publicKey: this.#publicKey, running };
      return startingStatus(starting, Date.now());
    }
    const status = this.#process.status() as object;
    return this.#up ? status : { ...status, ...startingDocument(role, this.#sinceMs, running) };
  }

  onChange(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  #refuse(): never {
    const { role, phases, product } = this.#options;
    const [waiting] = phases.running();
    const what = waiting === undefined ? '' : `: ${waiting.plugin} is in ${waiting.phase}`;
    throw new CommandError('STARTING', `the ${role} is still starting${what}`, {
      advice: `Try again when it is up; \`${product.name} status\` shows what it waits for.`,
    });
  }
}
