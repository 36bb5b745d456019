import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeUnprintable, printable } from '../../../src/base/text/printable.js';

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  // Lone halves of surrogate pairs, which no `binary` unit is.
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
);

describe('printable', () => {
  it.each([
    ['a\u001b[2Jb', 'a\\u001b[2Jb'],
    ['a\r\nb\nc\td', 'a b c d'],
    ['a\rb', 'a\\u000db'],
    ['\u007f\u009b', '\\u007f\\u009b'],
    ['abc\u202ecba\u2066', 'abc\\u202ecba\\u2066'],
    ['\u200b\u2028\ufeff', '\\u200b\\u2028\\ufeff'],
    ['\ud800', '\\ud800'],
    ['\u{e0041}', '\\udb40\\udc41'],
    ['Zoë 日本 😀', 'Zoë 日本 😀'],
  ])('%j is shown as %s', (text, shown) => expect(printable(text)).toBe(shown));

  it('is one line of bounded length with nothing that a terminal would obey, and printable already', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = printable(text, 50);
        expect(shown).not.toMatch(UNPRINTABLE);
        expect(shown.length).toBeLessThanOrEqual(50 * 6 + 3);
        expect(printable(shown, Infinity)).toBe(shown);
      }),
    );
  });
});

describe('escapeUnprintable', () => {
  it('leaves line feeds, and JSON the document that it is', () => {
    expect(escapeUnprintable('a\nb\r\u0085')).toBe('a\nb\\u000d\\u0085');
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText), (document) => {
        const escaped = escapeUnprintable(JSON.stringify(document, null, 2));
        expect(escaped.replaceAll('\n', '')).not.toMatch(UNPRINTABLE);
        expect(JSON.parse(escaped)).toEqual({ ...document });
      }),
    );
  });
});
