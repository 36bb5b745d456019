import { deniedPath, distrustOfPath, isDenied, trustedOwners } from '@wirepath/core';
import { reasonOf } from '@wirepath/core/plugin';
import { rmSync } from 'node:fs';
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { ControlConnection, type ControlHandler } from './connection.js';
import { probeControlSocket } from './client.js';
import { CommandError } from '../wording/command-error.js';

/** A person, a dashboard and a few scripts. */
const MAX_CONNECTIONS = 16;
/** Longest socket path that bind(2) takes: sun_path is 108 bytes on Linux, 104 elsewhere, with a final NUL. */
const MAX_SOCKET_PATH_BYTES = 103;

export interface ControlServerOptions {
  readonly socketPath: string;
  readonly handler: ControlHandler;
}

/**
 * Claims the control socket and answers on it. Holding it is also the lock: one process per rc file.
 * Only the owner of the process (and root) gets in: folder 0700, socket 0600.
 */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #connections = new Map<Socket, ControlConnection>();
  #server: Server | undefined;

  constructor(options: ControlServerOptions) {
    this.#options = options;
  }

  /** @throws CommandError ALREADY_RUNNING with the other's pid, PERMISSION_DENIED, or CONTROL_SOCKET. */
  async start(): Promise<void> {
    const { socketPath, handler } = this.#options;
    if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) {
      throw new CommandError('CONTROL_SOCKET', 'the path of the control socket is too long', {
        subject: socketPath,
        advice: 'Set XDG_RUNTIME_DIR to a shorter path.',
      });
    }
    await prepareFolder(dirname(socketPath));
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = MAX_CONNECTIONS;
    try {
      await listen(server, socketPath);
    } catch (error) {
      if (errnoOf(error) !== 'EADDRINUSE') throw cannotOpen(socketPath, error);
      await clearStaleSocket(socketPath, handler.hello.role);
      await listen(server, socketPath).catch((again: unknown) => {
        throw cannotOpen(socketPath, again);
      });
    }
    this.#server = server;
    await chmod(socketPath, 0o600);
  }

  /** Ends every connection and removes the socket. Idempotent. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    // Node unlinks the socket as it closes.
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#connections.keys()) socket.destroy();
    await closed;
  }

  /** Removes the socket where there is no time to stop: the process is about to exit. */
  removeNow(): void {
    if (this.#server === undefined) return;
    this.#server = undefined;
    rmSync(this.#options.socketPath, { force: true });
  }

  #accept(socket: Socket): void {
    const connection = new ControlConnection(this.#options.handler, {
      write: (text) => void socket.write(text),
      end: () => void socket.end(),
      get backlogBytes() {
        return socket.writableLength;
      },
    });
    this.#connections.set(socket, connection);
    socket.on('data', (bytes) => connection.push(bytes));
    // The client left in the middle of something: `close` follows and cleans up.
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      connection.close();
      this.#connections.delete(socket);
    });
  }
}

async function prepareFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const found = await lstat(folder);
    const ownUid = process.getuid?.();
    if (!found.isDirectory() || (ownUid !== undefined && found.uid !== ownUid)) {
      throw new CommandError('PERMISSION_DENIED', 'the folder of the control socket belongs to somebody else', {
        subject: folder,
        advice: 'Remove it, or set XDG_RUNTIME_DIR to a folder of your own.',
      });
    }
    if ((found.mode & 0o077) !== 0) await chmod(folder, 0o700);
    refuseStrangers(folder, 'the folder of the control socket');
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw cannotOpen(folder, error);
  }
}

/** @throws CommandError ALREADY_RUNNING where a process answers behind it. */
async function clearStaleSocket(socketPath: string, role: 'node' | 'server'): Promise<void> {
  const before = await inodeOf(socketPath);
  // What stood in our folder before it was closed to others may be anybody's, and lives as long as they like.
  if (before !== undefined) refuseStrangers(socketPath, 'the control socket');
  const probe = await probeControlSocket(socketPath);
  if (probe.state === 'live') {
    const who = (probe.hello?.role ?? role) === 'node' ? 'a node' : 'a server';
    const pid = probe.hello === undefined ? '' : ` (pid ${String(probe.hello.pid)})`;
    throw new CommandError('ALREADY_RUNNING', `${who} already runs on this configuration${pid}`, {
      advice: 'Use `status` to see it, or stop it first.',
    });
  }
  // Only what was probed is removed: between the two, another process may have put its own live socket there.
  if (before !== undefined && before === (await inodeOf(socketPath))) await unlink(socketPath);
}

/** Of the folder with all folders on the way to it, or of the socket: what is a stranger's, or could become one's. */
function refuseStrangers(path: string, what: string): void {
  const distrust = distrustOfPath(path, trustedOwners());
  if (distrust === undefined) return;
  throw new CommandError('PERMISSION_DENIED', `${what} is not to be trusted: ${distrust.found}`, {
    subject: path,
    advice: `${distrust.suggestion} Or set XDG_RUNTIME_DIR to a folder of your own.`,
  });
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).ino;
  } catch {
    // Gone meanwhile, which is all that matters here.
    return undefined;
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function cannotOpen(path: string, cause: unknown): CommandError {
  const code = errnoOf(cause);
  const advice = 'Run as root, or set XDG_RUNTIME_DIR to a folder of your own.';
  if (isDenied(code)) {
    const message = `the control socket cannot be opened: ${deniedPath(path, code).reason}`;
    return new CommandError('PERMISSION_DENIED', message, { subject: path, advice, cause });
  }
  return new CommandError('CONTROL_SOCKET', `the control socket cannot be opened: ${reasonOf(cause)}`, {
    subject: path,
    advice,
    cause,
  });
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
