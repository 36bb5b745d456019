import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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
