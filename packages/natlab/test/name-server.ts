import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Daemon, Lab } from '../src/index.js';

const PROGRAM = fileURLToPath(new URL('./dns-server.mjs', import.meta.url));

/** A DNS server in the lab, of the addresses that it is given by name. */
export class NameServer {
  #daemon: Daemon | undefined;

  constructor(
    private readonly lab: Lab,
    private readonly host: string,
    private readonly address: string,
  ) {}

  get #zoneFile(): string {
    return join(this.lab.folder, 'zone.json');
  }

  /** From the next question on. */
  async set(zone: Readonly<Record<string, readonly string[]>>): Promise<void> {
    await writeFile(this.#zoneFile, JSON.stringify(zone));
  }

  async start(): Promise<void> {
    this.#daemon = this.lab.spawn(this.host, 'dns', [process.execPath, PROGRAM, this.address, 'zone', this.#zoneFile]);
    await this.#daemon.logged(/DNS is up/);
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
  }

  /** A stub on a host that asks this server, in another process, whose own questions nobody marks. */
  async startStub(host: string, stubAddress: string): Promise<void> {
    const command = [process.execPath, PROGRAM, stubAddress, 'forward', this.address];
    await this.lab.spawn(host, `stub-${host}`, command).logged(/DNS is up/);
  }
}
