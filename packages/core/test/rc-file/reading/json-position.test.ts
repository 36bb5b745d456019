import { describe, expect, it } from 'vitest';
import { jsonErrorPosition } from '../../../src/rc-file/reading/json-position.js';
import { nodeYaml, problemsOf, RcFolder } from '../rc-folder.js';

describe('JSON that cannot be read says where', () => {
  it.each([
    ['[1,]', 1, 4, 'a comma before `]`'],
    ['{\n  "a": 1,\n}\n', 3, 1, 'a comma before `}`'],
    ['abc', 1, 1, 'a syntax error'],
    ['{ "a":\n', 2, 1, 'its end, where something is still open'],
    ['{ "a": "x\n" }', 1, 10, 'a syntax error'],
    ['{ // why\n}', 1, 3, 'a comment, which JSON does not have'],
    ["{ 'a': 1 }", 1, 3, 'a single quote, where JSON takes double ones'],
  ])('JSON: %j', async (json, line, column, found) => {
    const folder = new RcFolder({ 'rc.json': json });
    expect(await problemsOf(folder.load('rc.json'))).toMatchObject([{ expected: 'JSON', line, column, found }]);
  });

  it.each([
    ['rc.json', JSON.stringify({ privateKeyFile: './private.key' })],
    ['rc.yaml', nodeYaml().replaceAll('\n', '\r\n')],
  ])('a byte order mark, as editors on Windows write it, is no mistake: %s', async (name, text) => {
    expect((await new RcFolder({ [name]: `\uFEFF${text}` }).load(name)).node).toBeDefined();
  });

  it('a folder is not taken for a file', async () => {
    const folder = new RcFolder({ 'rc.yaml/inside': '' });
    expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([{ found: 'it is a folder' }]);
  });

  it('not what is right', () => {
    expect(jsonErrorPosition(' [1, {"a": "\\u0041", "b": -1e3, "c": null}] ')).toBeUndefined();
  });
});
