import { extname } from 'node:path';
import type { TrustedOwners } from '../../base/rights/file-trust.js';
import type { ProblemList } from '../problems/problem-list.js';
import { EXECUTABLE } from '../executable.js';
import { describeSyntaxError, openTrusted } from './read-rc-file.js';
import { describeFound } from '../checking/schema-problems.js';

/** Some 100,000 peers. */
const MAX_BYTES = 32 * 1024 * 1024;

export interface ReadPeersFile {
  /** The list as written; empty where there is a problem. */
  readonly value: readonly unknown[];
  /** True when others may read it, and so the secrets in it. */
  readonly readableByOthers: boolean;
}

const NOTHING: ReadPeersFile = { value: [], readableByOthers: false };

/**
 * Reads a list of peers that stands in a file of its own, YAML or JSON: it can be the same on every machine. What it says
 * decides where traffic goes, so it is trusted as the rc file is.
 *
 * @param problems those of the peers file itself.
 * @param missing told why the file cannot be read: a problem of the key that names it.
 */
export async function readPeersFile(
  problems: ProblemList,
  owners: TrustedOwners | undefined,
  missing: (why: string) => void,
): Promise<ReadPeersFile> {
  const { file } = problems;
  const extension = extname(file);
  if (EXECUTABLE.has(extension)) {
    missing(`a program (${extension}): the list is YAML or JSON`);
    return NOTHING;
  }
  const opened = await openTrusted(file, owners, MAX_BYTES);
  if ('unreadable' in opened) {
    missing(opened.unreadable);
    return NOTHING;
  }
  const { content, distrust, readableByOthers } = opened;
  for (const { expected, ...why } of distrust) problems.add([], expected, why);
  const parsed = await parseList(extension, content, problems);
  return parsed === undefined ? NOTHING : { value: parsed, readableByOthers };
}

async function parseList(
  extension: string,
  content: string,
  problems: ProblemList,
): Promise<readonly unknown[] | undefined> {
  const { defaultLoaders } = await import('cosmiconfig');
  const loader = extension === '.json' ? defaultLoaders['.json'] : defaultLoaders.noExt;
  let value: unknown;
  try {
    value = await loader(problems.file, content);
  } catch (cause) {
    problems.add([], extension === '.json' ? 'JSON' : 'YAML', describeSyntaxError(cause, content));
    return undefined;
  }
  // A file that was emptied by mistake, or is half written, must not take every peer away: no peers is `[]`.
  if (Array.isArray(value)) return value as unknown[];
  const wrapped = typeof value === 'object' && value !== null && 'peers' in value;
  problems.add([], 'a list of peers', {
    found: wrapped ? 'an object with the key peers' : describeFound(value ?? undefined, []),
    ...(wrapped ? { suggestion: 'write the list itself, without `peers:`' } : {}),
  });
  return undefined;
}
