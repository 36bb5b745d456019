import { describe, expect, it } from 'vitest';
import { jsonErrorPosition } from '../../../src/rc-file/reading/json-position.js';
import { problemsOf, RcFolder } from '../rc-folder.js';

describe('JSON that cannot be read says where', () => {
  it.each([
    ['[1,]', 1, 4],
    ['{\n  "a": 1,\n}\n', 3, 1],
    ['abc', 1, 1],
    ['{ "a":\n', 2, 1],
    ['{ "a": "x\n" }', 1, 10],
  ])('JSON: %j', async (json, line, column) => {
    const folder = new RcFolder({ 'rc.json': json });
    expect(await problemsOf(folder.load('rc.json'))).toMatchObject([{ expected: 'JSON', line, column }]);
  });

  it('not what is right', () => {
    expect(jsonErrorPosition(' [1, {"a": "\\u0041", "b": -1e3, "c": null}] ')).toBeUndefined();
  });
});
