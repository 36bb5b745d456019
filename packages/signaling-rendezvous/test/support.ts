import { EdgeGuard, SharedTlsListeners } from '@wirepath/core';
import type { Clock, Identity, Logger, RandomSource } from '@wirepath/core/plugin';
import { StaticOutside } from '@wirepath/testkit';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RendezvousClient } from '../src/client/rendezvous-client.js';
import { publicKeyText } from '../src/protocol/public-key.js';
import type { ServerLimits } from '../src/protocol/server-limits.js';
import { x25519KeyPair } from '../src/protocol/x25519.js';
import type { RendezvousServerOptions } from '../src/server/rendezvous-server-options.js';
import { RendezvousServer } from '../src/server/rendezvous-server.js';

/** The timers that are running. */
const timers = new Set<NodeJS.Timeout>();

export const systemClock: Clock = {
  now: () => performance.now(),
  unixMs: () => Date.now(),
  setTimeout(callback, delayMs) {
    const timer = setTimeout(() => {
      timers.delete(timer);
      callback();
    }, delayMs);
    timers.add(timer);
    return {
      [Symbol.dispose]: () => {
        timers.delete(timer);
        clearTimeout(timer);
      },
    };
  },
};

export const systemRandom: RandomSource = { bytes: (length) => new Uint8Array(randomBytes(length)) };

/** The key of nobody. */
export const absentKey = () => publicKeyText(systemRandom.bytes(32));

/** The same bytes in every run. */
export function seededRandom(seed: number): RandomSource {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
  return { bytes: (length) => Uint8Array.from({ length }, next) };
}

export function testIdentity(random: RandomSource = systemRandom): Identity {
  const seed = random.bytes(32);
  const pair = x25519KeyPair(seed);
  return {
    publicKey: publicKeyText(pair.publicKey),
    agree: (publicKey) => pair.agree(publicKey),
    exportPrivateKey: () => seed,
  };
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields?: unknown;
}

export function recordingLogger(lines: LogLine[] = []): Logger {
  const write = (level: string) => (message: string, fields?: unknown) => void lines.push({ level, message, fields });
  const logger: Logger = {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => logger,
  };
  return logger;
}

export const fixturePath = (name: string) =>
  isAbsolute(name) ? name : fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

export function serverNeeds(lines: LogLine[] = []) {
  const logger = recordingLogger(lines);
  const guard = EdgeGuard.create('test', { logger, clock: systemClock });
  const files = {
    resolve: fixturePath,
    readSecret: async (path: string) => (await readFile(fixturePath(path), 'utf8')).trim(),
    readTrusted: async (path: string) => readFile(fixturePath(path), 'utf8'),
  };
  return {
    logger,
    clock: systemClock,
    guard,
    random: systemRandom,
    files,
    tlsListeners: new SharedTlsListeners({ clock: systemClock, guard, random: systemRandom, files }),
    product: { name: 'test', runtimeFolder: '/nonexistent' },
    outside: new StaticOutside(),
  };
}

/** Starts servers and clients, and stops them all. */
export class Stage {
  readonly #running: { stop(): Promise<void> }[] = [];
  readonly log: LogLine[] = [];

  async server(
    options: RendezvousServerOptions = { listen: '127.0.0.1:0' },
    limits: Partial<ServerLimits> = {},
  ): Promise<{ server: RendezvousServer; url: string }> {
    const server = new RendezvousServer(serverNeeds(this.log), options, limits);
    this.#running.push(server);
    await server.start({ signal: new AbortController().signal });
    return { server, url: server.addresses()[0]!.url };
  }

  async client(
    urls: string | readonly string[],
    options: { identity?: Identity; caFile?: string; proxy?: string } = {},
  ) {
    const identity = options.identity ?? testIdentity();
    const needs = { ...serverNeeds(this.log), identity };
    const client = new RendezvousClient(needs, { urls: [urls].flat(), ...options });
    this.#running.push(client);
    const received: { from: string; sealed: Uint8Array }[] = [];
    const undeliverable: string[] = [];
    const available: string[] = [];
    client.onMessage((message) => received.push(message));
    client.onUndeliverable(({ to }) => undeliverable.push(to));
    client.onAvailable(({ publicKey }) => available.push(publicKey));
    await client.start({ signal: new AbortController().signal });
    return {
      client,
      identity,
      publicKey: identity.publicKey,
      received,
      undeliverable,
      available,
      outside: needs.outside,
    };
  }

  alsoStop(stop: () => Promise<void>): void {
    this.#running.push({ stop });
  }

  /** How many timers run. */
  timers(): number {
    return timers.size;
  }

  async clear(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((each) => each.stop()));
  }
}

/** Polls until `condition` holds. */
export async function until(condition: () => boolean, what: string, withinMs = 5000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const isUp = ({ client }: { client: RendezvousClient }) => client.states().every(({ state }) => state === 'up');
export const textOf = ({ sealed }: { sealed: Uint8Array }) => Buffer.from(sealed).toString();

/** The section for a server with the test-only certificate. */
export const tlsSection = (listen = '127.0.0.1:0') => ({
  listen,
  certFile: 'test-only-server.crt',
  keyFile: 'test-only-server.key',
});

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
