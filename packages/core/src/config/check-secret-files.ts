import { stat } from 'node:fs/promises';
import type { ConfigFiles } from '../contracts/plugin.js';
import { addSecretProblem } from './check-node.js';
import { openFailure } from './config-files.js';
import { isSecretPath } from './mask-secrets.js';
import type { ProblemList } from './problem-list.js';

export interface CheckSecretFilesContext {
  readonly files: ConfigFiles;
  readonly problems: ProblemList;
  readonly plugin?: string;
}

/**
 * Tries the files that options name as secrets (`credentialFile`, `tls.keyFile`), so that a missing one is told with
 * everything else and not later, by the plugin that reads it.
 */
export async function checkSecretFiles(
  value: unknown,
  path: readonly PropertyKey[],
  context: CheckSecretFilesContext,
): Promise<void> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value as Record<string, unknown>)) {
    const below = [...path, Array.isArray(value) ? Number(key) : key];
    const stem = typeof item === 'string' ? /^(.+)File$/.exec(key)?.[1] : undefined;
    if (stem !== undefined && isSecretPath([stem])) await trySecret(String(item), below, context);
    else if (stem === 'cert' || stem === 'ca') await tryFile(String(item), below, context);
    else await checkSecretFiles(item, below, context);
  }
}

async function trySecret(
  written: string,
  path: readonly PropertyKey[],
  context: CheckSecretFilesContext,
): Promise<void> {
  try {
    await context.files.readSecret(written);
  } catch (error) {
    addSecretProblem(context.problems, path, error, context.plugin);
  }
}

async function tryFile(
  written: string,
  path: readonly PropertyKey[],
  { files, problems, plugin }: CheckSecretFilesContext,
): Promise<void> {
  const file = files.resolve(written);
  try {
    await stat(file);
  } catch (cause) {
    const more = plugin === undefined ? {} : { plugin };
    problems.add(path, 'a file that we can read', { found: `${file}: ${openFailure(cause)}`, ...more });
  }
}
