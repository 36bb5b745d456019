import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Daemon } from '../daemon.js';
import type { Lab } from '../lab.js';
import { SERVER_ADDRESSES } from '../network/plan.js';
import { wirepath } from './command.js';
import { serverRcText } from './rc-file.js';

const RENDEZVOUS_PORT = 7000;
const TURN_PORT = 3478;
const STUN_ALTERNATE_PORT = 3479;

export interface ServerOptions {
  /** A STUN server with two addresses and ports too. @default false */
  readonly stun?: boolean;
  /** A relay too. @default false */
  readonly relay?: boolean;
  /** @default 'info' */
  readonly logLevel?: string;
}

/** `wirepath serve` in the servers' namespace. */
export class WirepathServer {
  private constructor(
    private readonly lab: Lab,
    readonly rcFile: string,
  ) {}

  static readonly rendezvousUrl = `ws://${SERVER_ADDRESSES[0]}:${RENDEZVOUS_PORT}`;
  static readonly stunServer = `${SERVER_ADDRESSES[0]}:${TURN_PORT}`;
  static readonly relayUrl = `turn:${SERVER_ADDRESSES[0]}:${TURN_PORT}`;

  /** Writes the rc file; nothing runs yet. */
  static async prepare(
    lab: Lab,
    { stun = false, relay = false, logLevel = 'info' }: ServerOptions = {},
  ): Promise<WirepathServer> {
    const rcFile = join(lab.folder, 'server.yaml');
    const text = serverRcText({
      rendezvous: `${SERVER_ADDRESSES[0]}:${RENDEZVOUS_PORT}`,
      turn: relay ? WirepathServer.stunServer : undefined,
      stun: stun ? WirepathServer.stunServer : undefined,
      stunAlternate: stun ? `${SERVER_ADDRESSES[1]}:${STUN_ALTERNATE_PORT}` : undefined,
      logLevel,
    });
    // It holds the relay's users.
    await writeFile(rcFile, text, { mode: 0o600 });
    return new WirepathServer(lab, rcFile);
  }

  command(): string[] {
    return wirepath('serve', '--config', this.rcFile);
  }

  /** @returns once it listens. */
  async start(): Promise<Daemon> {
    const daemon = this.lab.spawn('srv', 'server', this.command());
    await daemon.logged(/server is up/);
    return daemon;
  }
}
