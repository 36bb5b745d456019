import { execFile } from 'node:child_process';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reasonOf } from './reason-of.js';

/** What went wrong while a module was imported, where, and what its author can do. */
export interface ImportFailure {
  readonly found: string;
  readonly suggestion?: string;
}

/** Node reads a file and no more; a machine may be busy. */
const CHECK_TIMEOUT_MS = 5000;

/** @param file of the module; undefined for one that comes with the product. */
export async function importFailure(error: unknown, file: string | undefined): Promise<ImportFailure> {
  const reason = reasonOf(error);
  const missing = missingModule(error, file);
  if (missing !== undefined) return missing;
  const mistake = MISTAKES.find(({ says }) => says.test(`${codeOf(error)} ${reason}`));
  const suggestion = mistake === undefined ? {} : { suggestion: mistake.suggestion };
  const place =
    placeOf(error, file) ?? (isSyntaxError(error) && file !== undefined ? await placeInSource(file) : undefined);
  if (!isSyntaxError(error)) return { found: `an error${at(place)}: ${reason}`, ...suggestion };
  const somewhere = place === undefined && file !== undefined ? ` in ${file} or what it imports` : at(place);
  return { found: `a syntax error${somewhere}: ${reason}`, ...suggestion };
}

interface Mistake {
  readonly says: RegExp;
  readonly suggestion: string;
}

const MISTAKES: readonly Mistake[] = [
  {
    says: /is not defined in ES module scope/,
    suggestion: 'this is CommonJS in a file that is an ES module: use import and export, or name the file .cjs',
  },
  {
    says: /Cannot use import statement outside a module|Unexpected token 'export'|ERR_REQUIRE_ESM/,
    suggestion:
      'this is an ES module in a file that is CommonJS: name the file .mjs, or put "type": "module" into its package.json',
  },
  {
    says: /ERR_UNKNOWN_FILE_EXTENSION[^]*\.[cm]?tsx?\b|TYPESCRIPT|TYPE_STRIPPING/,
    suggestion: 'this Node cannot run TypeScript as it is: compile it to JavaScript, and name that file',
  },
  { says: /ERR_UNKNOWN_FILE_EXTENSION/, suggestion: 'name a JavaScript file: .mjs, .cjs or .js' },
  {
    says: /does not provide an export named|Named export/,
    suggestion: 'what it imports is of another version than it was written for, or CommonJS: import its default export',
  },
  {
    says: /not done after/,
    suggestion: 'its module waits for something before it has loaded: leave that to `create` or `start`',
  },
];

const FRAME = /\bat (?:.*\()?((?:file:\/\/)?(?:\/|[A-Za-z]:\\)[^\n]*?):(\d+):(\d+)\)?$/gm;

/** The plugin is there; what it imports is not. */
function missingModule(error: unknown, file: string | undefined): ImportFailure | undefined {
  if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND' && codeOf(error) !== 'MODULE_NOT_FOUND') return undefined;
  const [, name, importer] =
    /Cannot find (?:module|package) '([^']+)'(?: imported from (\S[^\n]*))?/.exec(reasonOf(error)) ?? [];
  if (name === undefined) return undefined;
  const required = requireStackOf(error);
  const from = importer ?? required ?? file;
  const where = from === undefined ? '' : `, which ${from} imports`;
  const isFile = /^([./]|[a-z]:|file:)/i.test(name);
  return {
    found: `the plugin, but not ${JSON.stringify(name)}${where}`,
    suggestion: isFile
      ? 'check the path of the import: the name of a file has its extension'
      : `install it where the plugin is: npm install ${packageOf(name)}`,
  };
}

function packageOf(specifier: string): string {
  return /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
}

function requireStackOf(error: unknown): string | undefined {
  const stack: unknown = (error as { requireStack?: unknown } | null)?.requireStack;
  return Array.isArray(stack) && typeof stack[0] === 'string' ? stack[0] : undefined;
}

/** The first line of a stack is the place where V8 puts it there; else the first frame in the module's own folder. */
function placeOf(error: unknown, file: string | undefined): string | undefined {
  const stack = stackText(error);
  const [first = ''] = stack.split('\n', 1);
  const decorated = /^((?:file:\/\/)?\/.*|[A-Za-z]:\\.*):(\d+)$/.exec(first);
  if (decorated !== null) return `${plainPath(decorated[1] ?? '')}:${decorated[2]}`;
  if (isSyntaxError(error) || file === undefined) return undefined;
  const folder = `${dirname(file)}${sep}`;
  for (const [, path = '', line, column] of stack.matchAll(FRAME)) {
    if (plainPath(path).startsWith(folder)) return `${plainPath(path)}:${line}:${column}`;
  }
  return undefined;
}

/** Node tells where an ES module cannot be parsed only in what it prints: it is asked to parse the file, and runs nothing. */
async function placeInSource(file: string): Promise<string | undefined> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const printed = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--check', file], { timeout: CHECK_TIMEOUT_MS, env }, (_error, _out, err) =>
      resolve(err),
    );
  });
  const [, path, line] = /^((?:file:\/\/)?\/.*|[A-Za-z]:\\.*):(\d+)$/m.exec(printed) ?? [];
  return path === undefined ? undefined : `${plainPath(path)}:${line}`;
}

function isSyntaxError(error: unknown): boolean {
  return error instanceof Error && error.name === 'SyntaxError';
}

function at(place: string | undefined): string {
  return place === undefined ? '' : ` at ${place}`;
}

function plainPath(path: string): string {
  return path.startsWith('file://') ? fileURLToPath(path) : path;
}

function codeOf(error: unknown): string {
  const code: unknown = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

function stackText(error: unknown): string {
  try {
    return error instanceof Error ? String(error.stack) : '';
  } catch {
    // A stack that throws when it is read tells nothing.
    return '';
  }
}
