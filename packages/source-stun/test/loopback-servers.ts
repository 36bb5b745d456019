import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StunTurnServer } from '@wirepath/source-relay';
import { EdgeGuard, memoryLogger, systemClock, systemRandom } from '@wirepath/core';

export const PRIMARY_IP = '127.0.0.1';
export const ALTERNATE_IP = '127.0.0.2';

/** Why tests that need a second IPv4 address on loopback are skipped; undefined where there is one (Linux). */
export async function missingAlternate(): Promise<string | undefined> {
  const port = await freePort(ALTERNATE_IP).catch(() => undefined);
  return port === undefined ? `skipped: ${ALTERNATE_IP} is no address of this machine` : undefined;
}

/** Why tests with coturn are skipped; undefined where it is installed. */
export function missingCoturn(): string | undefined {
  const found = spawnSync('sh', ['-c', 'command -v turnserver']).status === 0;
  return found ? undefined : "skipped: turnserver (Debian's coturn) is not installed";
}

export interface LoopbackServer {
  /** `127.0.0.1:3478`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Our own server with all four corners of RFC 5780. */
export async function startOwnServer(): Promise<LoopbackServer> {
  const [port, alternatePort] = [await freePort(PRIMARY_IP), await freePort(ALTERNATE_IP)];
  const logger = memoryLogger();
  const server = new StunTurnServer(
    {
      logger,
      clock: systemClock,
      guard: EdgeGuard.create('test', { logger, clock: systemClock }),
      random: systemRandom,
      files: {
        resolve: (path) => path,
        readSecret: () => Promise.reject(new Error('there are no files')),
        readTrusted: () => Promise.reject(new Error('there are no files')),
      },
      product: { name: 'test', runtimeFolder: '/nonexistent' },
      tlsListeners: { listen: () => Promise.reject(new Error('there is no TLS')) },
    },
    { stun: { listen: `${PRIMARY_IP}:${port}`, alternate: `${ALTERNATE_IP}:${alternatePort}` } },
  );
  await server.start({ signal: new AbortController().signal });
  return { address: `${PRIMARY_IP}:${port}`, stop: () => server.stop() };
}

/** coturn with two listening addresses, which turns RFC 5780 on. */
export async function startCoturn(): Promise<LoopbackServer> {
  const folder = await mkdtemp(join(tmpdir(), 'coturn-'));
  const [port, alternatePort] = [await freePort(PRIMARY_IP), await freePort(PRIMARY_IP)];
  const child = spawn(
    'turnserver',
    [
      ...['-n', '--stun-only', '--no-cli', '--no-tls', '--no-dtls', '--no-tcp'],
      ...['--listening-ip', PRIMARY_IP, '--listening-ip', ALTERNATE_IP],
      ...['--listening-port', String(port), '--alt-listening-port', String(alternatePort)],
      ...['--log-file', 'stdout', '--pidfile', join(folder, 'pid'), '--userdb', join(folder, 'db')],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const exited = new Promise((resolve) => child.once('close', resolve));
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  const corners = [port, alternatePort].flatMap((one) => [PRIMARY_IP, ALTERNATE_IP].map((ip) => ({ ip, port: one })));
  for (const corner of corners) {
    if (await answers(corner)) continue;
    await stop();
    throw new Error(`coturn does not answer on ${corner.ip}:${corner.port}:\n${log}`);
  }
  return { address: `${PRIMARY_IP}:${port}`, stop };
}

export async function freePort(ip: string): Promise<number> {
  const socket = createSocket('udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, ip, resolve);
    });
    return socket.address().port;
  } finally {
    socket.close();
  }
}

/** Asks with a Binding request until an answer comes, for 15 s. */
async function answers({ ip, port }: { ip: string; port: number }): Promise<boolean> {
  const socket = createSocket('udp4');
  const request = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');
  let answered = false;
  socket.on('message', () => (answered = true));
  socket.on('error', () => undefined);
  for (const deadline = Date.now() + 15_000; !answered && Date.now() < deadline;) {
    socket.send(request, port, ip);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  socket.close();
  return answered;
}
