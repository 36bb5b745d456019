import { expect, it } from 'vitest';
import { reasonOf } from '../../../src/base/errors/reason-of.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { within } from '../../../src/base/time/deadline.js';

const hostile: [string, unknown, string | RegExp][] = [
  ['an error', new Error('boom'), 'boom'],
  ['an error without a message', new TypeError(), 'TypeError'],
  ['a text', 'boom', 'boom'],
  ['nothing', undefined, 'undefined'],
  ['an object without a prototype', Object.create(null), 'an error that cannot be shown'],
  ['one whose toString is no function', { toString: 3, valueOf: 3 }, 'an error that cannot be shown'],
  ['a message that is no text', Object.assign(new Error(), { message: { a: 1 } }), '[object Object]'],
  ['a long message', new Error('x'.repeat(10_000)), /^x{500}$/],
];

it.each(hostile)('says what %s says', (_what, error, reason) => expect(reasonOf(error)).toMatch(reason));

it.each(hostile)('whoever waits is told of %s, and does not wait for ever', async (_what, error) => {
  const work = () => {
    throw error;
  };
  await expect(within(work, { clock: new FakeClock(), timeoutMs: 1000, what: 'x' })).rejects.toThrow();
});
