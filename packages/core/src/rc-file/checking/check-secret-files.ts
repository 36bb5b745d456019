import { stat } from 'node:fs/promises';
import type { ConfigFiles } from '../../contracts/plugin/needs.js';
import { addSecretProblem } from './check-node.js';
import { openFailure } from '../trust/config-files.js';
import { isSecretPath } from '../../base/logging/mask-secrets.js';
import type { ProblemList } from '../problems/problem-list.js';
import { leaves } from '../problems/walk.js';

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
  options: unknown,
  prefix: readonly PropertyKey[],
  { files, problems, plugin }: CheckSecretFilesContext,
): Promise<void> {
  for (const { path, value } of leaves(options, prefix)) {
    const key = path.at(-1);
    const stem = typeof value === 'string' && typeof key === 'string' ? /^(.+)File$/.exec(key)?.[1] : undefined;
    if (typeof value !== 'string' || stem === undefined) continue;
    try {
      if (isSecretPath([stem])) await files.readSecret(value);
      else if (stem === 'cert' || stem === 'ca') await stat(files.resolve(value));
    } catch (error) {
      if (isSecretPath([stem])) addSecretProblem(problems, path, error, plugin);
      else {
        problems.add(path, 'a file that we can read', {
          found: `${files.resolve(value)}: ${openFailure(error, files.resolve(value))}`,
          ...(plugin === undefined ? {} : { plugin }),
        });
      }
    }
  }
}
