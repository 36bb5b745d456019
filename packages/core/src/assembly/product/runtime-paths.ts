import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { CodedError } from '../../base/errors/coded-error.js';
import type { Product } from './product.js';

export interface RuntimePathOptions {
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: the process's. */
  readonly uid?: number;
}

/** `$XDG_RUNTIME_DIR/<name>` (for root too), else `/run/<name>` for root, else `<tmp>/<name>-<uid>`. */
export function runtimeFolder(product: Pick<Product, 'name'>, options: RuntimePathOptions = {}): string {
  const env = options.env ?? process.env;
  const uid = options.uid ?? process.getuid?.();
  const xdg = env['XDG_RUNTIME_DIR'];
  // The XDG base directory specification has relative values ignored.
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, product.name);
  if (uid === 0) return join('/run', product.name);
  return join(tmpdir(), uid === undefined ? product.name : `${product.name}-${uid}`);
}

/**
 * Where a node keeps what outlives it: `$STATE_DIRECTORY` (of systemd), else `$XDG_STATE_HOME/<name>` (for root too), else
 * `/var/lib/<name>` for root, else `~/.local/state/<name>`.
 */
export function stateFolder(product: Pick<Product, 'name'>, options: RuntimePathOptions = {}): string {
  const uid = options.uid ?? process.getuid?.();
  const given = givenStateFolder(product, options);
  if (given !== undefined) return given;
  if (uid === 0) return join('/var/lib', product.name);
  return join(homedir(), '.local', 'state', product.name);
}

/** The one that the environment names; undefined where the usual place has to do, which a service's user may not have. */
export function givenStateFolder(
  product: Pick<Product, 'name'>,
  { env = process.env }: RuntimePathOptions = {},
): string | undefined {
  // Of several, the unit's first.
  const [own = ''] = (env['STATE_DIRECTORY'] ?? '').split(':');
  if (isAbsolute(own)) return own;
  const xdg = env['XDG_STATE_HOME'];
  return xdg !== undefined && isAbsolute(xdg) ? join(xdg, product.name) : undefined;
}

/**
 * Makes the runtime folder where it is missing, for its owner alone.
 * @returns its path.
 * @throws CodedError PERMISSION_DENIED when somebody else got there first or may write it.
 */
export async function prepareRuntimeFolder(
  product: Pick<Product, 'name'>,
  options: RuntimePathOptions = {},
): Promise<string> {
  const folder = runtimeFolder(product, options);
  const denied = (message: string, cause?: unknown) =>
    new CodedError('PERMISSION_DENIED', message, { subject: folder, cause });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw denied(`${folder} cannot be made`, cause);
  }
  const stats = await lstat(folder);
  const uid = options.uid ?? process.getuid?.();
  if (!stats.isDirectory()) throw denied(`${folder} is not a folder`);
  if (uid !== undefined && stats.uid !== uid) throw denied(`${folder} belongs to another user (uid ${stats.uid})`);
  if (uid !== undefined && (stats.mode & 0o022) !== 0) throw denied(`${folder} is writable by others`);
  return folder;
}

/** The file in which the node of this key keeps where its peers were. */
export function rememberedPeersFile(
  product: Pick<Product, 'name'>,
  publicKey: string,
  options: RuntimePathOptions = {},
): string {
  const hash = createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
  return join(stateFolder(product, options), `${hash}.peers.json`);
}

/**
 * The control socket of the node that runs on this rc file.
 * @param rcFile its path; made absolute, symbolic links are not followed.
 */
export function controlSocketPath(
  product: Pick<Product, 'name'>,
  rcFile: string,
  options: RuntimePathOptions = {},
): string {
  // 16 hex digits: a socket's path may have no more than 107 bytes.
  const hash = createHash('sha256').update(resolve(rcFile)).digest('hex').slice(0, 16);
  return join(runtimeFolder(product, options), `${hash}.sock`);
}
