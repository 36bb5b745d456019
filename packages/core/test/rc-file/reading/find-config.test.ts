import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findConfig } from '../../../src/rc-file/reading/find-config.js';
import { nodeYaml, problemsOf, RcFolder } from '../rc-folder.js';

describe('searching', () => {
  it.each(['.samplerc', '.samplerc.json', '.samplerc.yaml', '.samplerc.yml', 'package.json'])(
    'finds %s',
    async (name) => {
      const text = JSON.stringify({ privateKeyFile: './private.key' });
      const folder = new RcFolder({ [name]: name === 'package.json' ? `{ "sample": ${text} }` : text });
      const config = await folder.load('unused', { configPath: undefined, cwd: folder.path });
      expect(config.file).toBe(join(folder.path, name));
    },
  );

  it('passes by a package.json that has no property of ours', async () => {
    const folder = new RcFolder({ 'package.json': '{"name":"x"}', '.samplerc': nodeYaml() });
    const config = await folder.load('unused', { configPath: undefined, cwd: folder.path });
    expect(config.file).toBe(join(folder.path, '.samplerc'));
  });

  it('neither looks in folders above, nor takes code, nor runs what cosmiconfig would', async () => {
    const folder = new RcFolder({
      '.samplerc': nodeYaml(),
      'below/sample.config.mjs': 'globalThis.searchRan = true; export default {};',
      'below/.config/config.cjs': 'globalThis.searchRan = true; module.exports = {};',
    });
    mkdirSync(join(folder.path, 'below/.config'), { recursive: true });
    const problems = await problemsOf(
      folder.load('unused', { configPath: undefined, cwd: join(folder.path, 'below') }),
    );
    expect(problems).toMatchObject([{ found: 'none', expected: expect.stringContaining('.samplerc') }]);
    expect(globalThis).not.toHaveProperty('searchRan');
  });

  it('does not run `.config/config.cjs` of the working directory when a path is given', async () => {
    const folder = new RcFolder({
      'rc.yaml': nodeYaml(),
      '.config/config.cjs': 'globalThis.metaRan = true; module.exports = {};',
      'package.json': '{"cosmiconfig":{"loaders":{}}}',
    });
    const cwd = process.cwd();
    process.chdir(folder.path);
    try {
      await folder.load('rc.yaml');
    } finally {
      process.chdir(cwd);
    }
    expect(globalThis).not.toHaveProperty('metaRan');
  });
});

describe('where nothing stands in the working directory', () => {
  const SAMPLE = { name: 'sample', environmentPrefix: 'SAMPLE', defaultPlugins: [] };
  it.each([
    [
      'the variable goes before it',
      ['.samplerc'],
      { SAMPLE_CONFIG: 'elsewhere.yaml' },
      ['sample.yaml'],
      'cwd/elsewhere.yaml',
    ],
    ['what stands there goes before the system', ['.samplerc'], {}, ['sample.yaml'], 'cwd/.samplerc'],
    ['an empty variable names nothing', [], { SAMPLE_CONFIG: '' }, ['sample.yml'], 'etc/sample.yml'],
    ['the system has one of our name', [], {}, ['a.yaml', 'b.yaml', 'sample.json'], 'etc/sample.json'],
    ['the system has one alone, beside files of other kinds', [], {}, ['home.yaml', 'home.key'], 'etc/home.yaml'],
    ['the system has two of which neither is it', [], {}, ['a.yaml', 'b.yaml'], undefined],
    ['the system has code', [], {}, ['sample.mjs'], undefined],
    ['there is no such folder', [], {}, [], undefined],
  ])('%s', async (_, here, env, inSystem, expected) => {
    const files = [...here.map((name) => `cwd/${name}`), ...inSystem.map((name) => `etc/${name}`), 'cwd/other.txt'];
    const folder = new RcFolder(Object.fromEntries(files.map((file) => [file, nodeYaml()])));
    const options = { cwd: join(folder.path, 'cwd'), env, systemFolder: join(folder.path, 'etc') };
    const found = await findConfig(SAMPLE, options);
    expect(found).toBe(expected === undefined ? undefined : join(folder.path, expected));
  });

  it('the variable is no key of the file, and --config goes before it', async () => {
    const folder = new RcFolder({ 'a.yaml': nodeYaml(), 'b.yaml': nodeYaml() });
    const env = { SAMPLE_CONFIG: join(folder.path, 'b.yaml') };
    const byVariable = await folder.load('unused', { configPath: undefined, env });
    expect([byVariable.file, byVariable.warnings]).toEqual([join(folder.path, 'b.yaml'), []]);
    expect((await folder.load('a.yaml', { env })).file).toBe(join(folder.path, 'a.yaml'));
  });
});
