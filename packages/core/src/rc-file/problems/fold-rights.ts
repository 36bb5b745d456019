import type { ConfigProblem } from '../../base/errors/config-problems.js';
import type { RightsChange } from '../../base/errors/rights-change.js';
import { shellQuoted } from '../../base/text/shell-quoted.js';
import type { ConfigFindings, ConfigWarning } from './problem-list.js';

interface Cured<T> extends RightsChange {
  readonly finding: T;
}

/**
 * A umask makes every file wrong in the same way: that is one mistake, and told once, with one command that mends it all. Other
 * problems are left as they are.
 * @param file the one that is told as the place of it, where several are.
 */
export function foldRights({ problems, warnings }: ConfigFindings, file: string): ConfigFindings {
  const writable = cured(problems);
  const readable = cured(warnings);
  if (writable.length > 0) return { problems: foldProblems(problems, writable, readable, file), warnings };
  return { problems, warnings: readable.length > 1 ? foldWarnings(warnings, readable, file) : warnings };
}

function foldProblems(
  problems: readonly ConfigProblem[],
  writable: readonly Cured<ConfigProblem>[],
  readable: readonly Cured<ConfigWarning>[],
  file: string,
): ConfigProblem[] {
  const secrets = new Set(readable.map(({ path }) => path));
  const rights = new Map<string, string>();
  for (const { path, command } of writable) {
    // The same command keeps a secret to ourselves, or that would be the next thing to be told.
    const wanted = secrets.has(path) && command === 'chmod go-w' ? 'chmod go-rwx' : command;
    if (rights.get(path) !== 'chmod go-rwx') rights.set(path, wanted);
  }
  const suggestion = `run: ${commands(rights)}`;
  const [first] = writable;
  if (first !== undefined && rights.size === 1) {
    const { path } = first;
    const command = rights.get(path) ?? first.command;
    return problems
      .filter(isNotAmong(writable.slice(1)))
      .map((one) => (one === first.finding ? { ...one, suggestion, rights: { command, path } } : one));
  }
  // Each `found` names its file, and there may be several for one of them.
  const told = new Map(writable.map(({ path, finding }) => [path, finding.found ?? path]));
  const folded: ConfigProblem = {
    file,
    keyPath: '',
    expected: 'files and folders that nobody else can change',
    found: `${[...told.values()].join(', ')}${isOfUmask([...told.values()]) ? '; a umask of 002 makes them so' : ''}`,
    suggestion,
  };
  return [folded, ...problems.filter(isNotAmong(writable))];
}

function foldWarnings(
  warnings: readonly ConfigWarning[],
  readable: readonly Cured<ConfigWarning>[],
  file: string,
): ConfigWarning[] {
  const rights = new Map(readable.map(({ path }) => [path, 'chmod go-r']));
  const message = `secrets that others may read: ${[...rights.keys()].join(', ')}; run: ${commands(rights)}`;
  return [{ file, keyPath: '', message }, ...warnings.filter(isNotAmong(readable))];
}

function cured<T extends { readonly rights?: RightsChange | undefined }>(findings: readonly T[]): Cured<T>[] {
  return findings.flatMap((finding) => (finding.rights === undefined ? [] : [{ finding, ...finding.rights }]));
}

function isNotAmong<T>(folded: readonly Cured<T>[]): (finding: T) => boolean {
  const gone = new Set(folded.map(({ finding }) => finding));
  return (finding) => !gone.has(finding);
}

/** Writable for the group, and not for the world. */
function isOfUmask(found: readonly string[]): boolean {
  return found.every((text) => /\(mode [0-7]*[0145]\)$/.test(text));
}

/** Each command once, with all that it is for. */
function commands(rights: ReadonlyMap<string, string>): string {
  const kinds = [...new Set(rights.values())].sort();
  const pathsOf = (kind: string) => [...rights].flatMap(([path, own]) => (own === kind ? [shellQuoted(path)] : []));
  return kinds.map((kind) => `${kind} ${pathsOf(kind).join(' ')}`).join(' && ');
}
