import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeUdpPort } from './free-udp-port.js';
import { fixture } from './stream-front.js';

/** Why tests with a program of Debian's coturn are skipped; undefined where it is installed. */
export function missing(
  program: 'turnserver' | 'turnutils_uclient' | 'turnutils_stunclient' | 'turnutils_natdiscovery',
): string | undefined {
  const found = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  return found ? undefined : `skipped: ${program} (Debian's coturn) is not installed`;
}

export interface Coturn {
  readonly url: string;
  /** By transport; the stream ones where they were asked for. */
  readonly urls: Readonly<Record<'udp' | 'tcp' | 'tls', string>>;
  /** All that it has said. */
  log(): string;
  stop(): Promise<void>;
}

/**
 * coturn on loopback with user lab, secret `secret` (or the shared secret `north`), relaying to loopback.
 * @param options.streams over TCP, and over TLS with the test-only certificate, too.
 */
export async function startCoturn(
  ip: string,
  extra: readonly string[] = [],
  { streams = false, sharedSecret = false }: { streams?: boolean; sharedSecret?: boolean } = {},
): Promise<Coturn> {
  const credentials = sharedSecret
    ? ['--use-auth-secret', '--static-auth-secret', 'north']
    : ['--lt-cred-mech', '--user', 'lab:secret'];
  return runCoturn(ip, ({ tlsPort }) => [
    ...['-n', '--no-dtls', '--no-multicast-peers', '--allow-loopback-peers'],
    ...['--realm', 'lab', '--fingerprint', ...credentials],
    ...(streams
      ? [
          ...['--tls-listening-port', String(tlsPort)],
          ...['--cert', fixture('test-only-server.crt'), '--pkey', fixture('test-only-server.key')],
        ]
      : ['--no-tls', '--no-tcp']),
    ...extra,
  ]);
}

/** coturn with a configuration file. @param text of the free port for TLS. */
export async function startCoturnOf(ip: string, text: (tlsPort: number) => string): Promise<Coturn> {
  return runCoturn(ip, async ({ folder, tlsPort }) => {
    const file = join(folder, 'turnserver.conf');
    await writeFile(file, text(tlsPort));
    return ['-c', file];
  });
}

async function runCoturn(
  ip: string,
  options: (given: { folder: string; tlsPort: number }) => readonly string[] | Promise<readonly string[]>,
): Promise<Coturn> {
  const folder = await mkdtemp(join(tmpdir(), 'coturn-'));
  const [port, tlsPort] = [await freeUdpPort(ip), await freeUdpPort(ip)];
  const host = ip.includes(':') ? `[${ip}]` : ip;
  const url = `turn:${host}:${port}`;
  const child = spawn(
    'turnserver',
    [
      ...(await options({ folder, tlsPort })),
      ...['--no-cli', '--listening-ip', ip, '--relay-ip', ip, '--listening-port', String(port)],
      ...['--log-file', 'stdout', '--pidfile', join(folder, 'pid'), '--userdb', join(folder, 'db'), '--verbose'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const exited = exitOf(child);
  await answering(ip, port, () => text);
  return {
    url,
    urls: { udp: url, tcp: `${url}?transport=tcp`, tls: `turns:${host}:${tlsPort}` },
    log: () => text,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a client program to its end. */
export async function run(program: string, args: readonly string[], timeoutMs: number): Promise<Finished> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const code = await exitOf(child);
  clearTimeout(timer);
  return { code, output };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', (code) => resolve(code)));
}

/** Asks with a Binding request until an answer comes. */
async function answering(ip: string, port: number, log: () => string): Promise<void> {
  const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4');
  const request = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');
  let answered = false;
  socket.on('message', () => (answered = true));
  socket.on('error', () => undefined);
  const deadline = Date.now() + 15_000;
  while (!answered && Date.now() < deadline) {
    socket.send(request, port, ip);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  if (!answered) throw new Error(`coturn does not answer on ${ip} port ${port}:\n${log()}`);
}
