import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../../src/base/errors/table.js';

const packages = fileURLToPath(new URL('../../../..', import.meta.url));

/** The text of every file of TypeScript in this folder of every package. */
function read(folder: 'src' | 'test'): string[] {
  return readdirSync(packages).flatMap((name) =>
    readdirSync(join(packages, name, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join(packages, name, folder, file), 'utf8')),
  );
}

const matches = (texts: readonly string[], pattern: RegExp) =>
  texts.flatMap((text) => [...text.matchAll(pattern)].map(([, found = '']) => found));

/** What is made an error's code: the first argument of our two classes, or a field `code`, with all that it chooses from. */
const codesIn = (texts: readonly string[]) =>
  new Set(
    matches(
      [...matches(texts, /\b(?:CodedError|CommandError)\(\s*([^,)]*)/g), ...matches(texts, /\bcode:\s*([^,}\n]*)/g)],
      /'([A-Z][A-Z_]+)'/g,
      // Those of the system and of Node are not ours, nor are capabilities.
    ).filter((code) => !/^(E[A-Z0-9]+|ERR_\w+|CAP_\w+)$/.test(code)),
  );

const raised = codesIn(read('src'));
const tests = read('test').filter((text) => !text.includes('no code of this file counts'));

describe('the table of errors, the code and the tests hold each other', () => {
  it('every code that is raised is in the table', () => {
    expect([...raised].filter((code) => !(code in ERRORS))).toEqual([]);
  });

  it.each(Object.keys(ERRORS))('%s is raised', (code) => {
    expect(raised).toContain(code);
  });

  it.each(Object.keys(ERRORS))('a test speaks of %s', (code) => {
    expect(tests.some((text) => text.includes(`'${code}'`))).toBe(true);
  });

  // In a string, so that what stands here is neither raised nor tested: no code of this file counts.
  it('sees a code wherever it is raised', () => {
    const code = [
      "throw new CodedError('ONE', 'why');",
      "new CommandError(\n  'TWO',\n  'why')",
      "wrapError(error, { hook: 'start', code: mine ? 'THREE' : 'FOUR' })",
      "Object.assign(new Error('x'), { code: 'EPERM' })",
    ];
    expect([...codesIn(code)].sort()).toEqual(['FOUR', 'ONE', 'THREE', 'TWO']);
  });
});
