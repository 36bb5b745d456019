import { readFile } from 'node:fs/promises';
import type { ServerLimits } from '../protocol/server-limits.js';

/** Of the files that a process may open, what is not for connections: its own, and those of other parts in it. */
const SPARE_FILES = 128;

/** How many files this process may have open; undefined where the system does not say. */
export async function openFilesLimit(): Promise<number | undefined> {
  try {
    const match = /^Max open files\s+(\d+)/m.exec(await readFile('/proc/self/limits', 'latin1'));
    return match?.[1] === undefined ? undefined : Number(match[1]);
  } catch {
    // Not Linux: the kernel's own answer, EMFILE, has to do.
    return undefined;
  }
}

/**
 * Limits that a process with so many files can keep. Past its files the kernel's answer is the same for everybody, and
 * nobody could be let in at the cost of whoever has the most.
 */
export function limitsWithin(limits: ServerLimits, openFiles: number | undefined): ServerLimits {
  if (openFiles === undefined) return limits;
  const room = Math.max(16, openFiles - SPARE_FILES);
  const maxHandshakes = Math.min(limits.maxHandshakes, Math.ceil(room / 8));
  const maxUnproven = Math.min(limits.maxUnproven, Math.ceil(room / 8));
  const maxClosing = Math.min(limits.maxClosing, Math.ceil(room / 16));
  const maxClients = Math.min(limits.maxClients, room - maxHandshakes - maxUnproven - maxClosing);
  return { ...limits, maxHandshakes, maxUnproven, maxClosing, maxClients };
}
