import { readFileSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Distrust, TrustedOwners } from './file-trust.js';
import { lstatOf } from './stat-of.js';

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
/** As Linux itself: more is a loop. */
const MAX_LINKS = 40;

/**
 * What lets somebody else put a thing of theirs at `path`: each folder and symbolic link on the way, and what is at its end
 * (a program, a socket, a folder), must belong to one whom we trust, and only those may write it. In a sticky folder, as
 * /tmp is, only the owner of an entry replaces it.
 * @returns undefined where nothing does, and where files have no owners.
 * @throws the system's error (ENOENT, EACCES) where the path cannot be followed.
 */
export function distrustOfPath(path: string, owners: TrustedOwners | undefined): Distrust | undefined {
  return owners === undefined ? undefined : walk(resolve(path), owners, MAX_LINKS);
}

function walk(path: string, owners: TrustedOwners, linksLeft: number): Distrust | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  for (let depth = 0; depth <= parts.length; depth++) {
    const at = `/${parts.slice(0, depth).join('/')}`;
    const stats = lstatOf(at);
    // In a user namespace the system's own folders belong to nobody; the last two are still to be ours.
    const system = depth < parts.length - 1 && stats.uid === unmappedUid();
    if (!owners.uids.has(stats.uid) && !system) {
      return { found: `${at} belongs to another user (uid ${stats.uid})`, suggestion: `Remove or rename ${at}.` };
    }
    if (stats.isSymbolicLink()) {
      if (linksLeft === 0) return { found: `${at} is a loop of links`, suggestion: `Remove ${at}.` };
      const target = resolve(dirname(at), readlinkSync(at), ...parts.slice(depth));
      return walk(target, owners, linksLeft - 1);
    }
    if (othersMayWrite(stats)) {
      const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
      return { found: `${at} is writable by others (mode ${mode})`, suggestion: `Run: chmod go-w ${at}` };
    }
  }
  return undefined;
}

/** Writing to a socket means to connect to it. */
function othersMayWrite(stats: Stats): boolean {
  if (stats.isSocket() || (stats.mode & OTHERS_WRITE) === 0) return false;
  return !(stats.isDirectory() && (stats.mode & STICKY) !== 0);
}

let unmapped: number | undefined;

/** Whom files of users outside of our user namespace seem to belong to; -1 where all users are mapped. */
function unmappedUid(): number {
  unmapped ??= readUnmappedUid();
  return unmapped;
}

function readUnmappedUid(): number {
  try {
    if (/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))) return -1;
    return Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'));
  } catch {
    // No /proc: not Linux, or a sandbox that says nothing; strictly then.
    return -1;
  }
}
