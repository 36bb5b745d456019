import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { probeControlSocket } from './client.js';
import type { Hello } from './protocol.js';

/** More processes than this on one machine are a test bench that knows what it does. */
const MAX_SOCKETS = 64;

export interface LivingSocket {
  readonly path: string;
  /** Undefined where it did not say it in time. */
  readonly hello: Hello | undefined;
}

/** Control sockets in the runtime folder behind which a process answers, all but `except`; none where there is no such folder. */
export async function livingSockets(folder: string, except?: string): Promise<LivingSocket[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const sockets = names.filter((name) => name.endsWith('.sock')).slice(0, MAX_SOCKETS);
  const paths = sockets.map((name) => join(folder, name)).filter((path) => path !== except);
  const probes = await Promise.all(
    paths.map(async (path) => ({ path, probe: await probeControlSocket(path, { timeoutMs: 300 }) })),
  );
  return probes.flatMap(({ path, probe }) => (probe.state === 'live' ? [{ path, hello: probe.hello }] : []));
}
