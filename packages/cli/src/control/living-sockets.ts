import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { probeControlSocket } from './client.js';

/** More processes than this on one machine are a test bench that knows what it does. */
const MAX_SOCKETS = 64;

/** Control sockets in the runtime folder, all but `except`. */
export async function controlSockets(folder: string, except?: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sock')).slice(0, MAX_SOCKETS);
  return names.map((name) => join(folder, name)).filter((path) => path !== except);
}

/** Those behind which a process answers; none where there is no such folder. */
export async function livingSockets(folder: string): Promise<string[]> {
  const paths = await controlSockets(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const probes = await Promise.all(paths.map((path) => probeControlSocket(path, { timeoutMs: 300 })));
  return paths.filter((_, index) => probes[index]?.state === 'live');
}
