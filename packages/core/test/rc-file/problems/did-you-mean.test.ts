import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { didYouMean, editDistance } from '../../../src/rc-file/problems/did-you-mean.js';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['plugins', 'plugin', 1],
    ['mut', 'mtu', 1],
    ['kitten', 'sitting', 3],
  ])('%j to %j takes %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it('is symmetric, and zero for equals only', () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });
});

describe('didYouMean', () => {
  const keys = ['privateKeyFile', 'privateKey', 'mtu', 'peers', '@wirepath/source-host'];
  it.each([
    ['private_key', 'privateKey'],
    ['privatekeyfile', 'privateKeyFile'],
    ['mut', 'mtu'],
    ['source-hots', '@wirepath/source-host'],
  ])('%s: %s', (written, meant) => {
    expect(didYouMean(written, keys)).toBe(`did you mean \`${meant}\`?`);
  });

  it('is silent where nothing is near', () => {
    expect(didYouMean('gateway', keys)).toBeUndefined();
    expect(didYouMean('x'.repeat(100_000), keys)).toBeUndefined();
  });
});
