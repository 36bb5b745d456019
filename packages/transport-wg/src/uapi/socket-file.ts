import { lstat, mkdir, mkdtemp, link, rm, rmdir, unlink, chmod } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { join } from 'node:path';

/** Where every WireGuard tool looks for userspace devices. Network namespaces share it. */
export const WIREGUARD_FOLDER = '/var/run/wireguard';

export function uapiSocketPath(interfaceName: string, folder: string = WIREGUARD_FOLDER): string {
  return join(folder, `${interfaceName}.sock`);
}

/** Whether an interface can have this name (Linux: IFNAMSIZ), and a socket file so too. */
export function isInterfaceName(name: string): boolean {
  return /^[A-Za-z0-9_=+.-]{1,15}$/.test(name) && name !== '.' && name !== '..';
}

/** A socket file that is ours as long as the path leads to the same inode. */
export interface ClaimedSocket {
  /** Removes the file, unless somebody has put another in its place. */
  release(): Promise<void>;
}

/**
 * Makes `server` listen at `path`, mode 0600, without ever taking the file from a live process: the socket is bound in
 * a private folder beside it and hard-linked into place, which fails where there is one. A dead one (nobody accepts) is
 * removed first.
 * @returns 'held' where a live process has it.
 */
export async function claimSocket(server: Server, path: string): Promise<ClaimedSocket | 'held'> {
  const folder = join(path, '..');
  await makeFolder(folder);
  if ((await removeDead(path)) === 'held') return 'held';
  const privateFolder = await mkdtemp(join(folder, '.claim-'));
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
    };
  } catch (error) {
    server.close();
    // Somebody was quicker.
    if (isCode(error, 'EEXIST')) return 'held';
    throw error;
  } finally {
    // The link keeps the socket; without it, Node would remove the path it was bound to, and only that, on close.
    await unlink(bound).catch(absent);
    await rmdir(privateFolder).catch(() => rm(privateFolder, { recursive: true, force: true }));
  }
}

async function makeFolder(folder: string): Promise<void> {
  // The umask may take bits from a folder that is new; one that is there is left as it is.
  if ((await mkdir(folder, { recursive: true, mode: 0o755 })) !== undefined) await chmod(folder, 0o755);
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
