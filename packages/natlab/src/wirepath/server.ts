import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Daemon } from '../daemon.js';
import type { Lab } from '../lab.js';
import { SERVER_ADDRESSES } from '../network/plan.js';
import { wirepath } from './command.js';
import { serverRcText, type ServerTls } from './rc-file.js';

const RENDEZVOUS_PORT = 7000;
const TLS_PORT = 443;
const TURN_PORT = 3478;
const STUN_ALTERNATE_PORT = 3479;

export interface ServerOptions {
  /** Of its rc file and its logs. @default 'server' */
  readonly name?: string;
  /** Which of the servers' addresses. @default the first */
  readonly ip?: string;
  /** @default true */
  readonly rendezvous?: boolean;
  /** A STUN server with two addresses and ports too. @default false */
  readonly stun?: boolean;
  /** A relay too. @default false */
  readonly relay?: boolean;
  /** Relay and rendezvous by TLS too, on port 443. */
  readonly tls?: Omit<ServerTls, 'listen'> | undefined;
  /** @default 'info' */
  readonly logLevel?: string;
}

/** `wirepath serve` in the servers' namespace. */
export class WirepathServer {
  private constructor(
    private readonly lab: Lab,
    private readonly name: string,
  ) {}

  get rcFile(): string {
    return join(this.lab.folder, `${this.name}.yaml`);
  }

  static readonly rendezvousUrl = `ws://${SERVER_ADDRESSES[0]}:${RENDEZVOUS_PORT}`;
  static readonly stunServer = `${SERVER_ADDRESSES[0]}:${TURN_PORT}`;
  static readonly relayUrl = `turn:${SERVER_ADDRESSES[0]}:${TURN_PORT}`;
  /** The relay by whatever passes, and the rendezvous by TLS. */
  static readonly anyRelayUrl = `auto:${SERVER_ADDRESSES[0]}`;
  static readonly secureRendezvousUrl = `wss://${SERVER_ADDRESSES[0]}`;

  /** Writes the rc file; nothing runs yet. */
  static async prepare(lab: Lab, options: ServerOptions = {}): Promise<WirepathServer> {
    const { name = 'server', ip = SERVER_ADDRESSES[0], rendezvous = true, stun = false, relay = false, tls } = options;
    const server = new WirepathServer(lab, name);
    const text = serverRcText({
      rendezvous: rendezvous ? `${ip}:${RENDEZVOUS_PORT}` : undefined,
      tls: tls && { listen: `${ip}:${TLS_PORT}`, ...tls },
      turn: relay ? `${ip}:${TURN_PORT}` : undefined,
      stun: stun ? `${ip}:${TURN_PORT}` : undefined,
      stunAlternate: stun ? `${SERVER_ADDRESSES[1]}:${STUN_ALTERNATE_PORT}` : undefined,
      logLevel: options.logLevel ?? 'info',
    });
    // It holds the relay's users.
    await writeFile(server.rcFile, text, { mode: 0o600 });
    return server;
  }

  command(): string[] {
    return wirepath('serve', '--config', this.rcFile);
  }

  /** @returns once it listens. */
  async start(): Promise<Daemon> {
    const daemon = this.lab.spawn('srv', this.name, this.command());
    await daemon.logged(/server is up/);
    return daemon;
  }
}
