import type { ConfigFiles } from '../contracts/plugin/needs.js';
import { formatKeyPath } from '../rc-file/problems/key-path.js';
import type { LoadedServerPart } from './loaded-config.js';
import type { ProblemList } from '../rc-file/problems/problem-list.js';

/** Has each part of the server look at the files that its options name. */
export async function checkServerFiles(
  parts: readonly LoadedServerPart[],
  { files, problems }: { readonly files: ConfigFiles; readonly problems: ProblemList },
): Promise<void> {
  for (const { plugin, part, options } of parts) {
    try {
      // The schema that made the options is the part's own.
      for (const { path, suggestion, ...problem } of (await part.check?.(options as never, { files })) ?? []) {
        const keyPath = formatKeyPath(['server', ...path]);
        const more = suggestion === undefined ? {} : { suggestion };
        problems.problems.push({ file: problems.file, ...problem, ...more, keyPath, plugin });
      }
    } catch (error) {
      problems.add(['server'], 'files that its plugin can check', { plugin, found: String(error) });
    }
  }
}
