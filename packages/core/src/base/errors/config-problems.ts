import { printable } from '../text/printable.js';
import { CodedError } from './coded-error.js';
import type { RightsChange } from './rights-change.js';

/** One thing that is wrong in an rc file. */
export interface ConfigProblem {
  /** Absolute path, or the name of a value that was handed in; `environment variable NAME` where that overrides it. */
  readonly file: string;
  /** `peers[1].allowedIps[0]`; empty for the file as a whole. */
  readonly keyPath: string;
  /** The plugin whose options or contract are concerned. */
  readonly plugin?: string;
  /** What would be right, to follow "expected". */
  readonly expected: string;
  /** What stands there; never a secret. */
  readonly found?: string;
  /** What to write instead. */
  readonly suggestion?: string;
  /** What the suggestion comes to, where rights of a file are all that is wrong. */
  readonly rights?: RightsChange | undefined;
  /** Of the error behind it, with its causes; at `log.level: debug` only. */
  readonly stack?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
}

/** All that is wrong with a configuration, at once. */
export class ConfigProblems extends CodedError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options: { cause?: unknown } = {}) {
    super('CONFIG', problems.map((problem) => formatProblem(problem)).join('\n'), { cause: options.cause });
    this.name = 'ConfigProblems';
    this.problems = Object.freeze([...problems]);
  }

  /** For people: one block per problem, `file:line keyPath` first. */
  format(): string {
    const count = this.problems.length === 1 ? '1 problem' : `${this.problems.length} problems`;
    return [`${count} in the configuration:`, ...this.problems.map((problem) => formatProblem(problem))].join('\n\n');
  }
}

/** One line for each thing: what stands in a file must not forge another. */
function formatProblem(problem: ConfigProblem): string {
  const position =
    problem.line === undefined ? '' : `:${problem.line}${problem.column === undefined ? '' : `:${problem.column}`}`;
  const path = problem.keyPath === '' ? '' : ` ${printable(problem.keyPath)}`;
  const lines = [`${printable(problem.file)}${position}${path}`];
  if (problem.plugin !== undefined) lines.push(`  plugin    ${printable(problem.plugin)}`);
  lines.push(`  expected  ${printable(problem.expected)}`);
  if (problem.found !== undefined) lines.push(`  found     ${printable(problem.found)}`);
  if (problem.suggestion !== undefined) lines.push(`  ${printable(problem.suggestion)}`);
  if (problem.stack !== undefined) lines.push(...problem.stack.split('\n').map((line) => `    ${printable(line)}`));
  return lines.join('\n');
}
