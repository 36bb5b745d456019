import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CodedError } from '../../../src/base/errors/coded-error.js';
import { ConfigProblems } from '../../../src/base/errors/config-problems.js';
import { ERRORS } from '../../../src/base/errors/table.js';
import { wrapError } from '../../../src/base/errors/wrap-error.js';

describe('the table of errors', () => {
  it.each(Object.entries(ERRORS))('%s has a message and a sentence of advice', (code, { message, advice }) => {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    expect(message).toMatch(/^[^A-Z].*[^.]$/);
    expect(advice).toMatch(/^[A-Z].*\.$/);
  });
});

it('docs/errors.md has the table as it is (else run scripts/generate-docs.mjs)', () => {
  const page = readFileSync(new URL('../../../../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` +\| (.*?) +\| (.*?) +\|$/gm)].map(([, code, message, advice]) => [
    code,
    { message, advice },
  ]);
  expect(Object.fromEntries(rows)).toEqual(ERRORS);
});

describe('CodedError', () => {
  it('takes message and advice from the table, unless told better', () => {
    expect(new CodedError('TIMEOUT')).toMatchObject({ name: 'CodedError', code: 'TIMEOUT', ...ERRORS.TIMEOUT });
    const cause = new Error('ENODEV');
    expect(
      new CodedError('INTERFACE_NOT_FOUND', 'no wp9', { subject: 'wp9', advice: 'look', plugin: 'p', cause }),
    ).toMatchObject({
      message: 'no wp9',
      subject: 'wp9',
      advice: 'look',
      plugin: 'p',
      cause,
    });
  });
});

describe('wrapError', () => {
  const origin = { name: '@x/y', hook: 'create', code: 'PLUGIN_FAILED' } as const;

  it.each<[string, unknown, object]>([
    ['an error', new TypeError('t'), { code: 'PLUGIN_FAILED', message: '@x/y: create: t', plugin: '@x/y' }],
    ['a text', 'boom', { code: 'PLUGIN_FAILED', message: '@x/y: create: boom' }],
    ['nothing', undefined, { code: 'PLUGIN_FAILED', message: '@x/y: create: undefined' }],
    ['an error with a code of the system', Object.assign(new Error('e'), { code: 'EPERM' }), { code: 'PLUGIN_FAILED' }],
    [
      'an error of another copy of core',
      Object.assign(new Error('e'), { code: 'TURN_RELAY', advice: 'a', subject: 's' }),
      { code: 'TURN_RELAY', advice: 'a', subject: 's' },
    ],
    [
      'one that names it already',
      new CodedError('TIMEOUT', '@x/y: create: late'),
      { code: 'TIMEOUT', message: '@x/y: create: late' },
    ],
  ])('%s', (_, error, expected) => {
    const wrapped = wrapError(error, origin);
    expect(wrapped).toMatchObject(expected);
    expect(wrapped.cause).toBe(error);
  });

  it('leaves problems of the configuration as they are, also those of another copy of core', () => {
    const problems = new ConfigProblems([{ file: '/a', keyPath: 'b', expected: 'c' }]);
    expect(wrapError(problems, origin)).toBe(problems);
    const others = Object.assign(new Error('e'), { name: 'ConfigProblems', code: 'CONFIG', problems: [] });
    expect(wrapError(others, origin)).toBe(others);
  });
});

describe('ConfigProblems', () => {
  it('formats line, column and all that is known', () => {
    const error = new ConfigProblems([
      { file: '/rc', keyPath: 'a', line: 2, column: 5, plugin: 'p', expected: 'x', found: 'y', suggestion: 'z' },
      { file: '/rc', keyPath: '', expected: 'w' },
    ]);
    expect(error.format()).toBe(
      [
        '2 problems in the configuration:',
        '',
        '/rc:2:5 a',
        '  plugin    p',
        '  expected  x',
        '  found     y',
        '  z',
        '',
        '/rc',
        '  expected  w',
      ].join('\n'),
    );
    expect(error).toMatchObject({ name: 'ConfigProblems', code: 'CONFIG' });
  });
});
