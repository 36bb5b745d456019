import type { z } from 'zod';
import type { ConfigProblem } from '../../base/errors/config-problems.js';
import { didYouMean } from '../problems/did-you-mean.js';
import { UNKNOWN_KEY } from '../problems/in-file-order.js';
import { valueAt } from '../problems/key-path.js';
import { isSecretPath, maskUrl } from '../../base/logging/mask-secrets.js';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** A schema's complaint in the words of {@link ConfigProblem}, its path relative to what was checked. */
export interface SchemaProblem extends Pick<ConfigProblem, 'expected' | 'found' | 'suggestion'> {
  readonly path: Path;
}

export interface SchemaProblemContext {
  /** What was checked. */
  readonly value: unknown;
  /** Where it stands in the rc file; decides what is secret. */
  readonly prefix: Path;
  /** Valid keys of the object at a path. */
  readonly keysAt: (path: Path) => readonly string[];
}

/** Turns zod's issues, unions above all, into sentences that say what would be right. */
export function schemaProblems(issues: readonly Issue[], context: SchemaProblemContext): SchemaProblem[] {
  return issues.flatMap((issue) => problemsOf(issue, issue.path, context));
}

function problemsOf(issue: Issue, path: Path, context: SchemaProblemContext): SchemaProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = context.keysAt(path);
    return issue.keys.map((key) => {
      const suggestion = didYouMean(key, known);
      const expected = known.length === 0 ? 'no such key' : `one of the keys ${known.join(', ')}`;
      return { path: [...path, key], expected, found: UNKNOWN_KEY, ...(suggestion ? { suggestion } : {}) };
    });
  }
  if (issue.code === 'invalid_union' && isOwnMessage(issue)) {
    // The alternative that got past its outermost type is the one that was meant.
    const meant = issue.errors.filter((branch) => !branch.some((inner) => isOuterMismatch(inner)));
    const branch = meant.length === 1 ? meant[0] : undefined;
    if (branch !== undefined) return branch.flatMap((inner) => problemsOf(inner, [...path, ...inner.path], context));
  }
  const value = valueAt(context.value, path);
  const found = describeFound(value, [...context.prefix, ...path]);
  const expected = expectationOf(issue);
  const suggestion =
    typeof value === 'string' && issue.code === 'invalid_value'
      ? didYouMean(
          value,
          issue.values.filter((known) => typeof known === 'string'),
        )
      : undefined;
  return [{ path, expected, found, ...(suggestion ? { suggestion } : {}) }];
}

function isOuterMismatch(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}

/** Zod's own texts begin like this; any other was written by the schema's author and is the better one. */
function isOwnMessage(issue: Issue): boolean {
  return /^(Invalid|Too (big|small)|Unrecognized key)/.test(issue.message);
}

function expectationOf(issue: Issue): string {
  if (!isOwnMessage(issue)) return issue.message.replace(/^(expected|must be)\s+/i, '');
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_NAMES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.length === 1 ? shown(issue.values[0]) : `one of ${issue.values.map(shown).join(', ')}`;
    case 'too_small':
      return bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
    case 'too_big':
      return bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'invalid_format':
      if (issue.format === 'regex') return `text that matches ${issue.pattern ?? 'its pattern'}`;
      if (issue.format === 'url') return 'a URL';
      return `text in the format ${issue.format}`;
    case 'invalid_key':
      return `a key that is ${issue.issues.map((inner) => expectationOf(inner)).join(' and ')}`;
    case 'invalid_union': {
      const options: unknown = (issue as { options?: unknown }).options;
      if (issue.errors.length === 0 && Array.isArray(options)) return `one of ${options.map(shown).join(', ')}`;
      const branches = issue.errors.map((branch) => branch.map((inner) => expectationAt(inner)).join(' and '));
      return [...new Set(branches)].join(', or ');
    }
    case 'invalid_element':
    case 'unrecognized_keys':
    case 'custom':
      return 'a valid value';
  }
}

function expectationAt(issue: Issue): string {
  const expectation = expectationOf(issue);
  return issue.path.length === 0 ? expectation : `${expectation} at ${issue.path.map(String).join('.')}`;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
  undefined: 'nothing',
};

function bound(origin: string, relation: string, limit: number | bigint): string {
  if (origin === 'string')
    return limit === 1 && relation === 'at least'
      ? 'text that is not empty'
      : `text of ${relation} ${limit} characters`;
  if (origin === 'array' || origin === 'set') return `a list of ${relation} ${limit} ${limit === 1 ? 'item' : 'items'}`;
  return `${relation} ${limit}`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What stands there, in a few words; the type alone where it could be a secret. */
export function describeFound(value: unknown, path: Path): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  if (isSecretPath(path)) return `a ${typeof value} (not shown)`;
  if (typeof value === 'string') {
    const text = maskUrl(value);
    return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
  }
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : `a ${typeof value}`;
}
