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
  /** STUN and a relay too. @default false */
  readonly relay?: boolean;
  /** @default 'info' */
  readonly logLevel?: string;
}

/** `wirepath serve` in the servers' namespace. */
export class WirepathServer {
  private constructor(
    private readonly lab: Lab,
    readonly rcFile: string,
    readonly hasRelay: boolean,
  ) {}

  static readonly rendezvousUrl = `ws://${SERVER_ADDRESSES[0]}:${RENDEZVOUS_PORT}`;
  static readonly stunServer = `${SERVER_ADDRESSES[0]}:${TURN_PORT}`;
  static readonly relayUrl = `turn:${SERVER_ADDRESSES[0]}:${TURN_PORT}`;

  /** Writes the rc file; nothing runs yet. */
  static async prepare(lab: Lab, { relay = false, logLevel = 'info' }: ServerOptions = {}): Promise<WirepathServer> {
    const rcFile = join(lab.folder, 'server.yaml');
    const text = serverRcText({
      rendezvous: `${SERVER_ADDRESSES[0]}:${RENDEZVOUS_PORT}`,
      turn: relay ? `${SERVER_ADDRESSES[0]}:${TURN_PORT}` : undefined,
      stunAlternate: relay ? `${SERVER_ADDRESSES[1]}:${STUN_ALTERNATE_PORT}` : undefined,
      logLevel,
    });
    // It holds the relay's users.
    await writeFile(rcFile, text, { mode: 0o600 });
    return new WirepathServer(lab, rcFile, relay);
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
