import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import type { Loader } from 'cosmiconfig';
import type { ConfigProblem } from '../../base/errors/config-problems.js';
import { isAborted } from '../../base/errors/coded-error.js';
import type { PluginPhases } from '../../base/guard/plugin-phases.js';
import type { ProductFacts } from '../product-facts.js';
import { importFailure } from '../../base/errors/import-failure.js';
import { openFailure } from '../trust/config-files.js';
import {
  distrustOfFile,
  distrustOfFolders,
  isReadableByOthers,
  type Distrust,
  type TrustedOwners,
} from '../../base/rights/file-trust.js';
import { EXECUTABLE } from '../executable.js';
import { describeJsonError, jsonErrorPosition } from './json-position.js';
import type { ProblemList } from '../problems/problem-list.js';

const MAX_BYTES = 4 * 1024 * 1024;

export interface ReadRcFile {
  /** What the file says; undefined where it cannot be read or parsed. */
  readonly value: unknown;
  /** False when others may change the file: nothing that it names may be executed. */
  readonly trusted: boolean;
  /** True when others may read it, and so the secrets in it. */
  readonly readableByOthers: boolean;
}

/** Reads an rc file with cosmiconfig's loader for its format, and checks who may write it. */
export async function readRcFile(
  product: Pick<ProductFacts, 'name'>,
  owners: TrustedOwners | undefined,
  problems: ProblemList,
  phases: PluginPhases,
): Promise<ReadRcFile> {
  const { file } = problems;
  const opened = await openTrusted(file, owners, MAX_BYTES);
  if ('unreadable' in opened) {
    problems.add([], 'a file that can be read', { found: opened.unreadable });
    return { value: undefined, trusted: false, readableByOthers: false };
  }
  const { content, distrust, readableByOthers } = opened;
  for (const { expected, ...why } of distrust) problems.add([], expected, why);
  const trusted = distrust.length === 0;
  const extension = extname(file);
  if (EXECUTABLE.has(extension) && !trusted) return { value: undefined, trusted, readableByOthers };
  const value = await parse(product, extension, content, problems, phases);
  return { value, trusted, readableByOthers };
}

/** A configuration file as it was read, with who else may write or read it. */
export interface OpenedFile {
  readonly content: string;
  /** Of the file, and of its folder: what would be right, and why it is not. */
  readonly distrust: readonly (Distrust & { readonly expected: string })[];
  readonly readableByOthers: boolean;
}

/** Reads a file and looks at the rights of what was read. @returns why it cannot be read, in words. */
export async function openTrusted(
  file: string,
  owners: TrustedOwners | undefined,
  maxBytes: number,
): Promise<OpenedFile | { readonly unreadable: string }> {
  let handle;
  try {
    // Without waiting, so that a named pipe is told and not waited for.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    return { unreadable: openFailure(cause, file) };
  }
  try {
    const stats = await handle.stat();
    if (stats.isDirectory()) return { unreadable: 'it is a folder' };
    if (!stats.isFile()) return { unreadable: 'it is not a file' };
    if (stats.size > maxBytes) return { unreadable: `it is larger than ${maxBytes / 1024 / 1024} MiB` };
    const distrust = [
      ['a file', distrustOfFile(file, stats, owners)],
      ['a folder', await distrustOfFolders(file, owners)],
    ] as const;
    return {
      // Editors on Windows begin a file with a byte order mark, which no parser of JSON takes (RFC 8259 section 8.1).
      content: (await handle.readFile('utf8')).replace(/^\uFEFF/, ''),
      distrust: distrust.flatMap(([what, why]) =>
        why === undefined ? [] : [{ expected: `${what} that nobody else may change`, ...why }],
      ),
      readableByOthers: isReadableByOthers(stats, owners),
    };
  } finally {
    await handle.close();
  }
}

async function parse(
  product: Pick<ProductFacts, 'name'>,
  extension: string,
  content: string,
  problems: ProblemList,
  phases: PluginPhases,
): Promise<unknown> {
  const { file } = problems;
  const { defaultLoaders } = await import('cosmiconfig');
  const loaders: Readonly<Record<string, Loader>> = defaultLoaders;
  // An unknown extension is read as `.<name>rc` is: YAML, of which JSON is a part.
  const loader = loaders[extension] ?? defaultLoaders.noExt;
  let value: unknown;
  try {
    // A file that is code may hang as a plugin may.
    value = await phases.wait(file, 'import', () => loader(file, content) as unknown);
  } catch (cause) {
    if (isAborted(cause)) throw cause;
    const fault = EXECUTABLE.has(extension) ? await importFailure(cause, file) : describeSyntaxError(cause, content);
    problems.add([], EXPECTED[extension] ?? 'YAML', { ...fault, ...problems.stackOf(cause) });
    return undefined;
  }
  if (basename(file) !== 'package.json') return value ?? {};
  const section: unknown = (value as Record<string, unknown> | null)?.[product.name];
  if (section === undefined) problems.add([], `a property "${product.name}" in package.json`, { found: 'none' });
  return section;
}

const EXPECTED: Readonly<Record<string, string>> = {
  '.json': 'JSON',
  '.js': 'a module whose default export is the configuration',
  '.mjs': 'a module whose default export is the configuration',
  '.cjs': 'a module whose default export is the configuration',
  '.ts': 'a module whose default export is the configuration',
};

/** Says where, without quoting the text around it as the parsers do: a secret may stand there. */
export function describeSyntaxError(
  cause: unknown,
  content: string,
): Omit<ConfigProblem, 'file' | 'keyPath' | 'expected'> {
  const error = cause as { reason?: string; mark?: { line: number; column: number }; message?: string };
  if (error.mark !== undefined) {
    const { line, column } = error.mark;
    const lines = content.split('\n');
    const atSign = /^[\s-]*@/.test((lines[line] ?? '').slice(0, column + 1));
    const tab = [lines[line - 1], lines[line]].some((text) => /^ *\t/.test(text ?? ''));
    return {
      found: error.reason ?? 'a syntax error',
      line: line + 1,
      column: column + 1,
      ...(tab ? { suggestion: 'indent with spaces: YAML takes no tabs there' } : {}),
      ...(atSign ? { suggestion: 'a name that begins with @ has to be quoted in YAML' } : {}),
    };
  }
  const position = jsonErrorPosition(content);
  if (position !== undefined) {
    const before = content.slice(0, position).split('\n');
    const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
    return { found: describeJsonError(content, position), ...place };
  }
  return { found: 'a syntax error' };
}
