import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { probeControlSocket } from './client.js';
import { CommandError } from '../wording/command-error.js';

/** More nodes than this on one machine are a test bench that knows what it does. */
const MAX_SOCKETS = 64;

/**
 * Two nodes with one key take each other's signalling and handshakes away, and neither says why.
 * On one machine the control sockets tell: each names its node's public key.
 * @throws CommandError ALREADY_RUNNING with the other's pid.
 */
export async function refuseSameKey(folder: string, ownSocketPath: string, publicKey: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sock')).slice(0, MAX_SOCKETS);
  const others = names.map((name) => join(folder, name)).filter((path) => path !== ownSocketPath);
  const probes = await Promise.all(others.map((path) => probeControlSocket(path, { timeoutMs: 300 })));
  for (const probe of probes) {
    if (probe.state === 'live' && probe.hello?.publicKey === publicKey) {
      throw new CommandError('ALREADY_RUNNING', `a node with this key already runs (pid ${String(probe.hello.pid)})`, {
        advice: 'Give each node a key of its own (`genkey`), or stop the other one.',
      });
    }
  }
}
