import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ATTEMPT_MS, HARD_NAT_DELAY_MS } from '../../src/engine/hard-nat/hard-nat-attempt.js';
import * as timings from '../../src/engine/timings.js';

const CONSTANTS: Readonly<Record<string, number | readonly number[]>> = { ...timings, ATTEMPT_MS, HARD_NAT_DELAY_MS };

/** How a table may put it. */
function wordings(name: string, value: number): string[] {
  if (name.endsWith('_MS')) return [`${value} ms`, `${value / 1000} s`, `${value / 60_000} min`];
  return [value.toLocaleString('en'), `${Math.round(value * 100)} %`];
}

/** The rows of the table of timers: when, and the constants that say so. */
function rows(): { readonly after: string; readonly constants: readonly string[] }[] {
  const docs = readFileSync(new URL('../../../../docs/path-engine.md', import.meta.url), 'utf8');
  const table = docs.slice(docs.indexOf('## Timers'), docs.indexOf('## Proven by'));
  return table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => {
      const [, , after = '', constants = ''] = line.split('|').map((cell) => cell.trim());
      return { after, constants: constants === '' ? [] : constants.split(', ') };
    });
}

it('every timer of the engine stands in docs/path-engine.md as it is in the code', () => {
  const told = new Set<string>();
  for (const { after, constants } of rows()) {
    for (const name of constants) {
      told.add(name);
      const values = [CONSTANTS[name] ?? NaN].flat();
      for (const value of values) {
        const isTold =
          values.length > 1
            ? after.includes(`${value}`)
            : wordings(name, value).some((text) => new RegExp(`(?<!\\d)${text}`).test(after));
        expect(isTold, `${name} is ${value}, and the docs say: ${after}`).toBe(true);
      }
    }
  }
  expect([...told].sort()).toEqual(Object.keys(CONSTANTS).sort());
});
