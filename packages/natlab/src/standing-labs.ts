import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { labFolder } from './lab.js';
import { labIdsOf } from './lab-names.js';
import { runProgram } from './run-program.js';

export interface StandingLab {
  readonly id: string;
  readonly folder: string;
  /** Made by hand, to stay; otherwise a running program's own. */
  readonly standing: boolean;
  /** The program that made it, and whether that still runs. */
  readonly pid: number | undefined;
  readonly ownerAlive: boolean;
  readonly sites: Readonly<Record<string, unknown>>;
}

/** All labs of this machine, by their namespaces. */
export async function findLabs(): Promise<StandingLab[]> {
  const namespaces = (await runProgram(['ip', 'netns', 'list'])).split('\n');
  return Promise.all([...labIdsOf(namespaces)].sort().map(describeLab));
}

async function describeLab(id: string): Promise<StandingLab> {
  const folder = labFolder(id);
  try {
    const note = JSON.parse(await readFile(join(folder, 'lab.json'), 'utf8')) as Pick<
      StandingLab,
      'standing' | 'sites'
    > & {
      pid: number;
    };
    return { ...note, id, folder, ownerAlive: isAlive(note.pid) };
  } catch {
    // Its folder is gone or half made: what is left of it are namespaces.
    return { id, folder, standing: false, pid: undefined, ownerAlive: false, sites: {} };
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process.
    return false;
  }
}
