import { readFile } from 'node:fs/promises';

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

/** How many connections a process with so many files has room for. */
export function roomForConnections(openFiles: number): number {
  return Math.max(16, openFiles - SPARE_FILES);
}
