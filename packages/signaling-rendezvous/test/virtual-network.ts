import type { Identity, SignalingState } from '@wirepath/core/plugin';
import { ClientSession, type ClientEffect } from '../src/protocol/client-session.js';
import { CLOSE_CODES } from '../src/protocol/rendezvous-v1.js';
import { DEFAULT_SERVER_LIMITS, type ServerLimits } from '../src/protocol/server-limits.js';
import { Switchboard, type SwitchboardEffect } from '../src/protocol/switchboard.js';
import { seededRandom, testIdentity } from './support.js';

export const VIRTUAL_URL = 'ws://203.0.113.10:7000/';
const LATENCY_MS = 10;

interface Pipe {
  readonly client: VirtualClient;
  /** The server's number for it, once it was accepted. */
  connection: number | undefined;
  server: Switchboard | undefined;
  /** Packets vanish, and nobody is told. */
  silent: boolean;
  open: boolean;
}

/** A {@link Switchboard} and {@link ClientSession}s joined by connections with latency, in virtual time. */
export class VirtualNetwork {
  nowMs = 0;
  server: Switchboard | undefined;
  readonly random = seededRandom(7);
  readonly #limits: ServerLimits;
  readonly #pipes = new Map<number, Pipe>();
  readonly #clients: VirtualClient[] = [];
  #events: { atMs: number; order: number; run: () => void }[] = [];
  #order = 0;
  #nextTickMs = 1000;

  constructor(limits: Partial<ServerLimits> = {}) {
    this.#limits = { ...DEFAULT_SERVER_LIMITS, ...limits };
  }

  startServer(): void {
    this.server = new Switchboard({ limits: this.#limits, randomBytes: (length) => this.random.bytes(length) });
  }

  /** As kill -9 does: the kernel resets every connection. */
  killServer(): void {
    this.server = undefined;
    this.#pipes.clear();
    for (const client of this.#clients) client.reset('the connection broke');
  }

  client(identity: Identity = testIdentity(this.random), url = VIRTUAL_URL): VirtualClient {
    const client = new VirtualClient(this, identity, url);
    this.#clients.push(client);
    return client;
  }

  later(run: () => void, afterMs = LATENCY_MS): void {
    this.#events.push({ atMs: this.nowMs + afterMs, order: this.#order++, run });
  }

  dial(client: VirtualClient): Pipe {
    const pipe: Pipe = { client, connection: undefined, server: undefined, silent: false, open: true };
    this.later(() => {
      if (pipe.silent) return;
      if (!this.server) {
        this.later(() => client.ended(pipe, { error: 'connection refused' }));
        return;
      }
      this.later(() => client.step(pipe, (session) => session.opened(this.nowMs)));
      const { connection, effects } = this.server.open((url) => url === VIRTUAL_URL, this.nowMs);
      pipe.connection = connection;
      pipe.server = this.server;
      this.#pipes.set(connection, pipe);
      this.carryOut(effects);
    });
    return pipe;
  }

  toServer(pipe: Pipe, deliver: (server: Switchboard, connection: number) => SwitchboardEffect[]): void {
    this.later(() => {
      // A killed server's connections mean nothing to the next one, though it counts from 1 again.
      if (pipe.silent || !this.server || pipe.server !== this.server || pipe.connection === undefined) return;
      this.carryOut(deliver(this.server, pipe.connection));
    });
  }

  carryOut(effects: readonly SwitchboardEffect[]): void {
    const next: SwitchboardEffect[] = [];
    for (const effect of effects) {
      if (effect.kind === 'foreign-url' || effect.kind === 'not-admitted' || effect.kind === 'replaced') continue;
      const pipe = this.#pipes.get(effect.connection);
      const { server } = this;
      if (!pipe || !server) continue;
      const toClient = (run: () => void) => this.later(() => (pipe.silent ? undefined : run()));
      switch (effect.kind) {
        case 'send':
          next.push(...server.sent(effect.connection, effect.bytes.length, this.nowMs));
          toClient(() => pipe.client.step(pipe, (session) => session.receive(effect.bytes, this.nowMs)));
          break;
        case 'ping':
          toClient(() => {
            pipe.client.step(pipe, (session) => {
              session.heard(this.nowMs);
              return [];
            });
            if (pipe.open) this.toServer(pipe, (to, connection) => to.heard(connection, this.nowMs));
          });
          break;
        case 'pong':
          break;
        case 'close':
          this.#pipes.delete(effect.connection);
          toClient(() => pipe.client.ended(pipe, { code: CLOSE_CODES[effect.reason], error: effect.reason }));
          break;
        case 'terminate':
          this.#pipes.delete(effect.connection);
          toClient(() => pipe.client.ended(pipe, { error: 'terminated' }));
          break;
      }
    }
    if (next.length > 0) this.carryOut(next);
  }

  /** Lets time pass. */
  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (;;) {
      const nextTimeout = Math.min(...this.#clients.map((client) => client.session.nextTimeoutMs() ?? Infinity));
      const nextEvent = this.#events.reduce((least, { atMs }) => Math.min(least, atMs), Infinity);
      const atMs = Math.max(this.nowMs, Math.min(nextTimeout, nextEvent, this.#nextTickMs));
      if (atMs > endMs) break;
      this.nowMs = atMs;
      if (atMs >= this.#nextTickMs) {
        this.#nextTickMs += 1000;
        if (this.server) this.carryOut(this.server.tick(this.nowMs));
      }
      const due = this.#events
        .filter((event) => event.atMs <= atMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      this.#events = this.#events.filter((event) => event.atMs > atMs);
      for (const event of due) event.run();
      for (const client of this.#clients) client.timeout();
    }
    this.nowMs = endMs;
  }
}

export class VirtualClient {
  readonly session: ClientSession;
  state: SignalingState['state'] = 'down';
  error: string | undefined;
  dials = 0;
  readonly received: { from: string; text: string }[] = [];
  readonly undeliverable: string[] = [];
  readonly available: string[] = [];
  readonly #network: VirtualNetwork;
  #pipe: Pipe | undefined;

  constructor(
    network: VirtualNetwork,
    readonly identity: Identity,
    url: string,
  ) {
    this.#network = network;
    this.session = new ClientSession({ url, identity, random: network.random });
  }

  get publicKey(): string {
    return this.identity.publicKey;
  }

  start(): this {
    this.#carryOut(this.session.start(this.#network.nowMs));
    return this;
  }

  publish(to: string, text: string): void {
    this.#carryOut(this.session.publish(to, Buffer.from(text), this.#network.nowMs));
  }

  nudge(): void {
    this.#carryOut(this.session.nudge(this.#network.nowMs));
  }

  timeout(): void {
    if ((this.session.nextTimeoutMs() ?? Infinity) <= this.#network.nowMs) {
      this.#carryOut(this.session.handleTimeout(this.#network.nowMs));
    }
  }

  /** From now on packets of the present connection vanish, as after a change of the network. */
  goSilent(): void {
    if (this.#pipe) this.#pipe.silent = true;
  }

  /** Killed with its machine: no FIN, no RST. */
  die(): void {
    this.goSilent();
    this.session.stop();
  }

  reset(error: string): void {
    if (this.#pipe) this.ended(this.#pipe, { error });
  }

  ended(pipe: Pipe, end: { code?: number; error: string }): void {
    this.step(pipe, (session) => session.closed(end, this.#network.nowMs));
    pipe.open = false;
  }

  step(pipe: Pipe, event: (session: ClientSession) => ClientEffect[]): void {
    if (pipe === this.#pipe && pipe.open) this.#carryOut(event(this.session));
  }

  #carryOut(effects: readonly ClientEffect[]): void {
    for (const effect of effects) {
      const pipe = this.#pipe;
      switch (effect.kind) {
        case 'dial':
          this.#hangUp();
          this.dials += 1;
          this.#pipe = this.#network.dial(this);
          break;
        case 'hang-up':
          this.#hangUp();
          break;
        case 'send':
          if (!pipe) throw new Error('send without a connection');
          this.#network.toServer(pipe, (to, connection) => to.receive(connection, effect.bytes, this.#network.nowMs));
          this.#network.later(
            () => this.step(pipe, (session) => session.sent(effect.bytes.length, this.#network.nowMs)),
            0,
          );
          break;
        case 'ping':
          if (!pipe) throw new Error('ping without a connection');
          this.#network.toServer(pipe, (to, connection) => {
            this.#network.later(() => {
              if (pipe.silent) return;
              this.step(pipe, (session) => {
                session.heard(this.#network.nowMs);
                return [];
              });
            });
            return to.heard(connection, this.#network.nowMs);
          });
          break;
        case 'state':
          this.state = effect.state;
          this.error = effect.error;
          break;
        case 'message':
          this.received.push({ from: effect.from, text: Buffer.from(effect.sealed).toString() });
          break;
        case 'undeliverable':
          this.undeliverable.push(effect.to);
          break;
        case 'available':
          this.available.push(effect.publicKey);
          break;
      }
    }
  }

  #hangUp(): void {
    const pipe = this.#pipe;
    if (!pipe) return;
    this.#pipe = undefined;
    pipe.open = false;
    this.#network.toServer(pipe, (to, connection) => {
      return to.closed(connection, this.#network.nowMs);
    });
  }
}
