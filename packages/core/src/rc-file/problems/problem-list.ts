import type { ConfigProblem } from '../../base/errors/config-problems.js';
import type { RightsChange } from '../../base/errors/rights-change.js';
import { stackOf } from '../../base/errors/stack-of.js';
import { formatKeyPath } from './key-path.js';

/** Something that works, but that the user should know. */
export interface ConfigWarning {
  readonly file: string;
  readonly keyPath: string;
  readonly message: string;
  /** What its cure comes to, where rights of a file are all that is wrong. */
  readonly rights?: RightsChange;
  /** From 1, where it was looked for. */
  readonly line?: number;
  readonly column?: number;
}

type Path = readonly PropertyKey[];

/** What was found in one file. */
export interface ConfigFindings {
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigWarning[];
}

/** Collects all that is wrong, and all that is worth a warning, in one pass over a configuration. */
export class ProblemList {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: ConfigWarning[] = [];
  /** Key paths that an environment variable has set, with its name. */
  readonly #overridden: ReadonlyMap<string, string>;
  /** What was added, so that nothing is told twice. */
  readonly #told = new Set<string>();
  /** For whoever writes a plugin: problems then come with the stack of the error behind them. */
  verbose = false;

  constructor(
    readonly file: string,
    overridden: ReadonlyMap<string, string> = new Map(),
  ) {
    this.#overridden = overridden;
  }

  add(path: Path, expected: string, more: Partial<Omit<ConfigProblem, 'keyPath' | 'expected'>> = {}): void {
    const keyPath = formatKeyPath(path);
    const same = `${keyPath}\n${expected}`;
    if (this.#told.has(same)) return;
    this.#told.add(same);
    this.problems.push({ file: this.#sourceOf(path), keyPath, expected, ...more });
  }

  /** The `stack` of a problem that an error is behind, where stacks are wanted. */
  stackOf(error: unknown): { readonly stack?: string } {
    const stack = this.verbose ? stackOf(error) : undefined;
    return stack === undefined ? {} : { stack };
  }

  warn(path: Path, message: string, more: Pick<ConfigWarning, 'rights'> = {}): void {
    this.warnings.push({ file: this.#sourceOf(path), keyPath: formatKeyPath(path), message, ...more });
  }

  /** Takes over what was found in another file. */
  include({ problems, warnings }: ConfigFindings): void {
    for (const problem of problems) {
      this.problems.push(problem);
      this.#told.add(`${problem.keyPath}\n${problem.expected}`);
    }
    for (const warning of warnings) this.warnings.push(warning);
  }

  #sourceOf(path: Path): string {
    for (let length = this.#overridden.size === 0 ? 0 : path.length; length > 0; length--) {
      const variable = this.#overridden.get(formatKeyPath(path.slice(0, length)));
      if (variable !== undefined) return `environment variable ${variable}`;
    }
    return this.file;
  }
}
