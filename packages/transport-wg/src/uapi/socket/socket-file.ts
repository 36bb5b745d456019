import { CodedError, distrustOfPath, trustedOwners } from '@wirepath/core/plugin';
import { lstatSync, unlinkSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, link, readdir, rmdir, unlink, chmod } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { join } from 'node:path';

/** Where every WireGuard tool looks for userspace devices. Network namespaces share it. */
export const WIREGUARD_FOLDER = '/var/run/wireguard';

const CLAIM_PREFIX = '.claim-';
const CLAIM_ATTEMPTS = 5;
/** Left-overs that one start removes. */
const SWEEP_MAX = 256;

export function uapiSocketPath(interfaceName: string, folder: string = WIREGUARD_FOLDER): string {
  return join(folder, `${interfaceName}.sock`);
}

/** A socket file that is ours as long as the path leads to the same inode. */
export interface ClaimedSocket {
  /** Removes the file, unless somebody has put another in its place. */
  release(): Promise<void>;
  /** As {@link release}, for a process that is ending. */
  releaseNow(): void;
}

/**
 * Makes `server` listen at `path`, mode 0600, without ever taking the file from a live process: the socket is bound in
 * a private folder beside it and hard-linked into place, which fails where there is one. A dead one (nobody accepts) is
 * removed first, and so are private folders of processes that ended in the middle of this.
 * @returns 'held' where a live process has it.
 * @throws CodedError PERMISSION_DENIED where others could put their sockets in the place of ours; the system's error.
 */
export async function claimSocket(server: Server, path: string): Promise<ClaimedSocket | 'held'> {
  const folder = join(path, '..');
  await makeFolder(folder);
  await sweepClaims(folder);
  if ((await removeDead(path)) === 'held') return 'held';
  for (let attempt = 1; ; attempt++) {
    try {
      return await claimOnce(server, path);
    } catch (error) {
      // Somebody was quicker.
      if (isCode(error, 'EEXIST')) return 'held';
      // Another process, as it started, took our folder for one that was left: it may, before we listen in it.
      if (!(error instanceof ClaimTaken) || attempt === CLAIM_ATTEMPTS) throw error;
    }
  }
}

class ClaimTaken extends Error {}

async function claimOnce(server: Server, path: string): Promise<ClaimedSocket> {
  const privateFolder = await mkdtemp(join(path, '..', CLAIM_PREFIX));
  const bound = join(privateFolder, 's');
  try {
    await listen(server, bound);
    await chmod(bound, 0o600);
    const { dev, ino } = await lstat(bound);
    await link(bound, path);
    return {
      async release() {
        const now = await lstat(path).catch(absent);
        if (now?.dev === dev && now.ino === ino) await unlink(path).catch(absent);
      },
      releaseNow() {
        const now = lstatSync(path, { throwIfNoEntry: false });
        if (now?.dev === dev && now.ino === ino) unlinkSync(path);
      },
    };
  } catch (error) {
    // Looked for before closing removes it. Of a socket whose folder is gone, Node says EACCES.
    const [socket, parent] = [await lstat(bound).catch(absent), await lstat(privateFolder).catch(absent)];
    const taken = parent === undefined || (socket === undefined && isCode(error, 'ENOENT'));
    await new Promise((resolve) => server.close(resolve));
    throw taken ? new ClaimTaken(undefined, { cause: error }) : error;
  } finally {
    // The link keeps the socket; without it, Node would remove the path it was bound to, and only that, on close.
    await removeClaim(privateFolder);
  }
}

/**
 * Removes what claims that never ended left behind. Whether one is under way is not asked of a process id, for containers
 * share this folder and not their processes: where its socket answers it is left, and where it does not yet, its process
 * notices and begins again.
 */
async function sweepClaims(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(CLAIM_PREFIX)).slice(0, SWEEP_MAX);
  for (const name of names) {
    const claim = join(folder, name);
    if (!(await lstat(claim).catch(absent))?.isDirectory()) continue;
    // One that is not ours to remove harms nobody.
    if ((await probe(join(claim, 's'))) === 'dead') await removeClaim(claim).catch(() => undefined);
  }
}

/** Never more than the one file that we put there. */
async function removeClaim(claim: string): Promise<void> {
  await unlink(join(claim, 's')).catch(absent);
  await rmdir(claim).catch((error: unknown) => {
    if (!isCode(error, 'ENOTEMPTY')) absent(error);
  });
}

async function makeFolder(folder: string): Promise<void> {
  // The umask may take bits from a folder that is new; one that is there is left as it is.
  if ((await mkdir(folder, { recursive: true, mode: 0o755 })) !== undefined) await chmod(folder, 0o755);
  const distrust = distrustOfPath(folder, trustedOwners({}));
  if (distrust === undefined) return;
  throw new CodedError('PERMISSION_DENIED', `the folder of the UAPI socket is not to be trusted: ${distrust.found}`, {
    subject: folder,
    advice: distrust.suggestion,
  });
}

async function removeDead(path: string): Promise<'held' | 'free'> {
  const before = await lstat(path).catch(absent);
  if (before === undefined) return 'free';
  if (!before.isSocket() || (await probe(path)) === 'alive') return 'held';
  const now = await lstat(path).catch(absent);
  if (now?.ino === before.ino && now.dev === before.dev) await unlink(path).catch(absent);
  return 'free';
}

/** Whether somebody accepts at `path`. Anything but a clear refusal counts as alive. */
async function probe(path: string): Promise<'alive' | 'dead'> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.setTimeout(1000, () => settle('alive'));
    const settle = (verdict: 'alive' | 'dead') => {
      socket.destroy();
      resolve(verdict);
    };
    socket.once('connect', () => settle('alive'));
    socket.once('error', (error) =>
      settle(isCode(error, 'ECONNREFUSED') || isCode(error, 'ENOENT') ? 'dead' : 'alive'),
    );
  });
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

/** For `catch`: what is gone already is as good as removed. */
function absent(error: unknown): undefined {
  if (isCode(error, 'ENOENT')) return undefined;
  throw error;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
