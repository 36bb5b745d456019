import type { Socket } from 'node:dgram';
import { createRequire } from 'node:module';
import {
  CodedError,
  formatAddress,
  isLoopback,
  transportAddress,
  type ListeningAddress,
  type RunningServer,
  type ServerNeeds,
} from '@wirepath/core/plugin';
import { listeningAddress } from './server/listening-address.js';
import { listenAddress } from './server/listen-address.js';
import { StunTurnServer } from './server/stun-turn-server.js';
import {
  DEFAULT_MAX_ALLOCATIONS,
  DEFAULT_REALM,
  DEFAULT_RELAY_PORTS,
  turnListenAddresses,
  type StunTurnServerOptions,
  type TurnOptions,
} from './server/server-options.js';
import { SignedNonces } from './server/signed-nonces.js';
import { listenError } from './server/listen-error.js';

/** The parts of npm `node-turn` 0.0.6 that are used, and mended. */
interface NodeTurn {
  allocations: Record<string, NodeTurnAllocation>;
  defaultLifetime?: number;
  maxAllocateTimeout?: number;
  readonly network: { readonly sockets: Socket[] };
  readonly authentification: {
    credentials: Record<string, string>;
    generateNonce(): string;
    checkNonce(nonce: string): boolean;
  };
  readonly allocate: {
    allocateUdp(message: unknown): Promise<Socket[]>;
    allocateUdpEven(message: unknown, reserveNext: boolean): Promise<Socket[]>;
    checkQuota(username: string): boolean;
  };
  start(): void;
  on(event: string, listener: (message: unknown, reply: { reject(code: number, reason: string): void }) => void): void;
  removeAllListeners(event: string): void;
}

interface NodeTurnAllocation {
  readonly sockets: readonly Socket[];
  readonly timer: NodeJS.Timeout;
}

type NodeTurnConstructor = new (config: Readonly<Record<string, unknown>>) => NodeTurn;

const LIFETIME_SECONDS = 600;
const MAX_LIFETIME_SECONDS = 3600;

/**
 * npm `node-turn` as TURN server: a second implementation for the tests of TURN clients. As published it is not fit to
 * face a network, so it listens on loopback only, and its worst faults are mended from outside: see the methods. It has
 * no channels; clients use Send and Data indications.
 */
export class NodeTurnServer implements RunningServer {
  readonly #needs: ServerNeeds;
  readonly #options: TurnOptions;
  readonly #stun: StunTurnServer | undefined;
  readonly #relaySockets = new Set<Socket>();
  #engine: NodeTurn | undefined;
  #dropped = 0;

  /** @throws CodedError CONFIG unless `turn.listen` is one loopback address. */
  constructor(needs: ServerNeeds, { stun, turn }: StunTurnServerOptions & { readonly turn: TurnOptions }) {
    this.#needs = needs;
    this.#options = turn;
    const listen = turnListenAddresses(turn);
    if (listen.length !== 1 || !listen.every((text) => isLoopback(listenAddress(text).ip)))
      throw new CodedError(
        'CONFIG',
        `turn.engine node-turn: expected one loopback address, found ${listen.join(', ')}`,
        {
          subject: 'turn.engine',
          advice: 'It is not fit to face a network: leave `engine` out to run the embedded relay.',
        },
      );
    // On the same address it answers Binding requests itself.
    const separate = stun !== undefined && !listen.includes(stun.listen);
    this.#stun = separate ? new StunTurnServer(needs, { stun }) : undefined;
  }

  /** @throws CodedError ADDRESS_IN_USE, PERMISSION_DENIED, NETWORK_CONFIG, PLUGIN_FAILED, ABORTED. */
  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    await this.#stun?.start({ signal });
    try {
      this.#engine = this.#createEngine();
      this.#engine.start();
      await this.#listening(this.#engine);
      if (signal.aborted) throw new CodedError('ABORTED', 'node-turn: stopped while starting');
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#needs.logger.warn('turn.engine node-turn is for tests: no channels, no quotas per user, any peer');
  }

  async stop(): Promise<void> {
    await this.#stun?.stop();
    const engine = this.#engine;
    this.#engine = undefined;
    if (engine === undefined) return;
    // Its own stop() leaves allocations, their sockets and their timers behind.
    for (const tuple of Object.keys(engine.allocations)) delete engine.allocations[tuple];
    const sockets = [...engine.network.sockets, ...this.#relaySockets];
    await Promise.all(sockets.map(closed));
  }

  describe(): readonly string[] {
    const turn = this.#turnAddresses().map(
      ({ ip, port }) => `turn ${formatAddress(transportAddress(ip, port))} (node-turn)`,
    );
    return [...(this.#stun?.describe() ?? []), ...turn];
  }

  addresses(): readonly ListeningAddress[] {
    return [...(this.#stun?.addresses() ?? []), ...this.#turnAddresses()];
  }

  #turnAddresses(): ListeningAddress[] {
    const [socket] = this.#engine?.network.sockets ?? [];
    if (socket === undefined) return [];
    const { address, port } = socket.address();
    return [listeningAddress('turn', transportAddress(address, port))];
  }

  status(): Readonly<Record<string, unknown>> {
    return {
      listening: this.describe(),
      allocations: Object.keys(this.#engine?.allocations ?? {}).length,
      drops: { 'node-turn': this.#dropped },
    };
  }

  reload(options: unknown): void {
    const { turn } = options as StunTurnServerOptions;
    if (turn !== undefined && this.#engine !== undefined)
      this.#engine.authentification.credentials = credentialsOf(turn);
  }

  #createEngine(): NodeTurn {
    const { ip, port } = listenAddress(turnListenAddresses(this.#options)[0] ?? '');
    const [minPort, maxPort] = this.#options.relayPorts ?? DEFAULT_RELAY_PORTS;
    const engine = new (loadNodeTurn())({
      listeningIps: [ip],
      relayIps: [ip],
      listeningPort: port,
      minPort,
      maxPort,
      authMech: 'long-term',
      realm: this.#options.realm ?? DEFAULT_REALM,
      credentials: credentialsOf(this.#options),
      debugLevel: 'OFF',
      log: () => undefined,
    });
    this.#replaceNonces(engine);
    this.#guardRelaySockets(engine);
    endWhatIsDeleted(engine, (allocation) => this.#end(allocation));
    // Refresh reads names that nothing sets: without them it ends the allocation.
    engine.defaultLifetime = LIFETIME_SECONDS;
    engine.maxAllocateTimeout = MAX_LIFETIME_SECONDS;
    // What clients send by channel would be dropped: say so, and they use Send indications.
    engine.removeAllListeners('channel_bind');
    engine.on('channel_bind', (_message, reply) => reply.reject(400, 'Bad Request'));
    const { maxAllocations = DEFAULT_MAX_ALLOCATIONS } = this.#options;
    engine.allocate.checkQuota = () => Object.keys(engine.allocations).length < maxAllocations;
    return engine;
  }

  /** Its nonces come from Math.random and leave a timer of one hour each. */
  #replaceNonces(engine: NodeTurn): void {
    const nonces = new SignedNonces(this.#needs.random);
    engine.authentification.generateNonce = () => nonces.issue('', this.#needs.clock.unixMs());
    engine.authentification.checkNonce = (nonce) => nonces.isValid(nonce, '', this.#needs.clock.unixMs());
  }

  /** A permitted peer's datagram of less than 2 bytes would throw out of the handler and end the process. */
  #guardRelaySockets(engine: NodeTurn): void {
    const { allocate } = engine;
    const [open, openEven] = [allocate.allocateUdp.bind(allocate), allocate.allocateUdpEven.bind(allocate)];
    allocate.allocateUdp = async (message) => this.#guarded(await open(message));
    allocate.allocateUdpEven = async (message, reserveNext) => this.#guarded(await openEven(message, reserveNext));
  }

  #guarded(sockets: Socket[]): Socket[] {
    for (const socket of sockets) {
      this.#relaySockets.add(socket);
      socket.on('error', () => this.#dropped++);
      const on = socket.on.bind(socket) as (event: string, listener: (...args: unknown[]) => void) => Socket;
      socket.on = (event: string, listener: (...args: never[]) => void) =>
        on(event, (...args: unknown[]) => {
          try {
            (listener as (...args: unknown[]) => void)(...args);
          } catch {
            // The datagram is lost, and counted.
            this.#dropped++;
          }
        });
    }
    return sockets;
  }

  /** It deletes allocations from its table and leaves their sockets open and their timers running. */
  #end({ sockets, timer }: NodeTurnAllocation): void {
    clearTimeout(timer);
    for (const socket of sockets) {
      this.#relaySockets.delete(socket);
      void closed(socket);
    }
  }

  async #listening({ network }: NodeTurn): Promise<void> {
    const [socket] = network.sockets;
    const [listen = ''] = turnListenAddresses(this.#options);
    if (socket === undefined) throw new CodedError('PLUGIN_FAILED', `node-turn opened no socket for ${listen}`);
    await new Promise<void>((resolve, reject) => {
      socket.once('listening', resolve);
      socket.once('error', (error) => reject(listenError('turn (node-turn)', listenAddress(listen), error)));
    });
    // It sends from callbacks, where a socket closed in between would throw.
    const send = socket.send.bind(socket) as (...args: unknown[]) => void;
    socket.send = (...args: unknown[]) => {
      try {
        send(...args);
      } catch {
        // Lost, as on any network.
        this.#dropped++;
      }
    };
  }
}

/** Without a prototype, so that nobody is called `constructor`. */
function credentialsOf({ users = {} }: TurnOptions): Record<string, string> {
  return Object.assign(Object.create(null) as Record<string, string>, users);
}

function endWhatIsDeleted(engine: NodeTurn, end: (allocation: NodeTurnAllocation) => void): void {
  engine.allocations = new Proxy(Object.create(null) as NodeTurn['allocations'], {
    deleteProperty(target, tuple) {
      const allocation = target[String(tuple)];
      delete target[String(tuple)];
      if (allocation !== undefined) end(allocation);
      return true;
    },
  });
}

/** Loaded when it is asked for: who runs the embedded relay does not pay for it. */
function loadNodeTurn(): NodeTurnConstructor {
  try {
    return createRequire(import.meta.url)('node-turn') as NodeTurnConstructor;
  } catch (cause) {
    throw new CodedError('PLUGIN_FAILED', 'turn.engine node-turn: the package `node-turn` cannot be loaded', { cause });
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(() => resolve());
    } catch {
      // Closed already, or never opened.
      resolve();
    }
  });
}
