import { readFile, realpath, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where a plugin's name leads to from a folder. */
export type Resolution =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'missing' }
  /** The package is there but cannot be resolved; `found` says why. */
  | { readonly kind: 'unresolvable'; readonly found: string };

/** Resolves as `require` would from a file of this folder; nothing is executed. */
export async function resolvePlugin(name: string, folder: string): Promise<Resolution> {
  if (/^(\.{1,2}\/|\/|file:)/.test(name) || isAbsolute(name)) {
    const file = name.startsWith('file:') ? fileURLToPath(name) : resolve(folder, name);
    return (await isFile(file)) ? { kind: 'file', file } : resolved(folder, file);
  }
  return resolved(folder, name);
}

function resolved(folder: string, request: string): Resolution {
  try {
    const file = createRequire(join(folder, '/')).resolve(request);
    // A built-in module resolves to its own name.
    return isAbsolute(file) ? { kind: 'file', file } : { kind: 'missing' };
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') {
      return { kind: 'unresolvable', found: 'a package whose exports have no `default` or `require` condition' };
    }
    if (code === 'MODULE_NOT_FOUND') return { kind: 'missing' };
    return { kind: 'unresolvable', found: `a package that cannot be resolved (${code ?? 'unknown error'})` };
  }
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch {
    // Not there: the caller goes on to a folder's or an extension's resolution.
    return false;
  }
}

/** Version of the package that a file belongs to. */
export async function packageVersion(file: string): Promise<string | undefined> {
  for (let folder = dirname(await realpath(file)); ; folder = dirname(folder)) {
    try {
      const json = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
        version?: unknown;
        name?: unknown;
      };
      if (typeof json.version === 'string') return json.version;
      if (typeof json.name === 'string') return undefined;
    } catch {
      // No package.json in this folder: look in the one above.
    }
    if (dirname(folder) === folder) return undefined;
  }
}
