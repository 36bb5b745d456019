import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RightsChange } from '../errors/rights-change.js';

/** Whose files we trust: our own, root's, and with sudo those of the user who called it. */
export interface TrustedOwners {
  readonly uids: ReadonlySet<number>;
}

/** @returns undefined where files have no owners (Windows). */
export function trustedOwners(
  env: Readonly<Record<string, string | undefined>> = process.env,
): TrustedOwners | undefined {
  const uid = process.getuid?.();
  if (uid === undefined) return undefined;
  const uids = new Set([0, uid]);
  // Who may run us through sudo already decides what we read.
  const sudoUid = env['SUDO_UID'];
  if (uid === 0 && sudoUid !== undefined && /^\d+$/.test(sudoUid)) uids.add(Number(sudoUid));
  return { uids };
}

const GROUP_WRITE = 0o020;
const OTHER_WRITE = 0o002;
const OTHERS_READ = 0o044;
const STICKY = 0o1000;

/** A reason not to trust a file, and the cure. */
export interface Distrust {
  readonly found: string;
  readonly suggestion: string;
  /** What the suggestion comes to, where that is all. */
  readonly rights?: RightsChange;
}

/** The cure that is a change of rights, in words and as data. */
export function rightsCure(rights: RightsChange): { readonly suggestion: string; readonly rights: RightsChange } {
  return { suggestion: `run: ${rights.command} ${rights.path}`, rights };
}

/** What lets others change what an open file says. */
export function distrustOfFile(
  path: string,
  stats: Stats,
  owners: TrustedOwners | undefined,
  { isSecret = false } = {},
): Distrust | undefined {
  if (owners === undefined) return undefined;
  if ((stats.mode & (GROUP_WRITE | OTHER_WRITE)) !== 0) {
    // Who may not write a secret may not read it either.
    const command = isSecret ? 'chmod go-rwx' : 'chmod go-w';
    return { found: `${path} is writable by others (mode ${octal(stats)})`, ...rightsCure({ command, path }) };
  }
  if (!owners.uids.has(stats.uid)) {
    return {
      found: `${path} belongs to another user (uid ${stats.uid})`,
      ...rightsCure({ command: `chown ${process.getuid?.() ?? 0}`, path }),
    };
  }
  return undefined;
}

/** What lets others put another file in the place of this one: its folder, and that of what a symbolic link points to. */
export async function distrustOfFolders(
  path: string,
  owners: TrustedOwners | undefined,
): Promise<Distrust | undefined> {
  if (owners === undefined) return undefined;
  for (const folder of new Set([dirname(path), dirname(await realpath(path))])) {
    const stats = await stat(folder);
    const sticky = (stats.mode & STICKY) !== 0;
    if (!sticky && (stats.mode & (GROUP_WRITE | OTHER_WRITE)) !== 0) {
      return {
        found: `its folder ${folder} is writable by others (mode ${octal(stats)})`,
        ...rightsCure({ command: 'chmod go-w', path: folder }),
      };
    }
    if (!owners.uids.has(stats.uid)) {
      return {
        found: `its folder ${folder} belongs to another user (uid ${stats.uid})`,
        suggestion: 'keep it in a folder of your own',
      };
    }
  }
  return undefined;
}

export function isReadableByOthers(stats: Stats, owners: TrustedOwners | undefined): boolean {
  return owners !== undefined && (stats.mode & OTHERS_READ) !== 0;
}

function octal(stats: Stats): string {
  return (stats.mode & 0o7777).toString(8).padStart(4, '0');
}
