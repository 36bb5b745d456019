import { chmodSync, chownSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeYaml, PRIVATE_KEY, problemsOf, RcFolder } from '../../rc-file/rc-folder.js';

describe('who may change what', () => {
  const refusedModes = [0o666, 0o664, 0o622, 0o602];
  it.each(refusedModes.map((mode) => mode.toString(8)))('a file of mode %s is refused', async (mode) => {
    const folder = new RcFolder();
    folder.write('rc.yaml', nodeYaml(), parseInt(mode, 8));
    const found = `${join(folder.path, 'rc.yaml')} is writable by others (mode 0${mode})`;
    expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([{ keyPath: '', found }]);
  });

  it('a file in a folder that others may write is refused, unless the folder is sticky', async () => {
    const folder = new RcFolder({ 'open/rc.yaml': nodeYaml().replace('./', '../') });
    chmodSync(join(folder.path, 'open'), 0o777);
    expect(await problemsOf(folder.load('open/rc.yaml'))).toMatchObject([
      { found: expect.stringContaining('its folder') },
    ]);
    chmodSync(join(folder.path, 'open'), 0o1777);
    await expect(folder.load('open/rc.yaml')).resolves.toBeDefined();
  });

  it('a symbolic link is judged by what it points to as well', async () => {
    const folder = new RcFolder({ 'open/rc.yaml': nodeYaml() });
    symlinkSync(join(folder.path, 'open/rc.yaml'), join(folder.path, 'link.yaml'));
    await expect(folder.load('link.yaml')).resolves.toBeDefined();
    chmodSync(join(folder.path, 'open'), 0o777);
    expect(await problemsOf(folder.load('link.yaml'))).toMatchObject([
      { found: expect.stringContaining('open is writable') },
    ]);
  });

  it('a secret that others may read is warned about, one that they may write is refused', async () => {
    const folder = new RcFolder({ 'rc.yaml': nodeYaml() });
    folder.write('private.key', PRIVATE_KEY, 0o644);
    expect((await folder.load('rc.yaml')).warnings).toMatchObject([
      { message: expect.stringContaining('readable by others') },
    ]);
    folder.write('private.key', PRIVATE_KEY, 0o606);
    expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([
      { keyPath: 'privateKeyFile', found: expect.stringContaining('writable by others') },
    ]);
  });

  it('nothing that an open file leads to is executed', async () => {
    const folder = new RcFolder();
    folder.write('evil.mjs', 'globalThis.evilRan = true; export default {};');
    folder.write('rc.yaml', nodeYaml('plugins: [./evil.mjs]'), 0o666);
    folder.write('rc.config.mjs', 'globalThis.evilRan = true; export default {};', 0o666);
    await problemsOf(folder.load('rc.yaml'));
    await problemsOf(folder.load('rc.config.mjs'));
    expect(globalThis).not.toHaveProperty('evilRan');
  });

  it('an unknown plugin is told even of an open file', async () => {
    const folder = new RcFolder();
    folder.write('rc.yaml', nodeYaml('plugins: ["@sample/hots", "@sample/transport"]'), 0o666);
    expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([
      { keyPath: '' },
      { keyPath: 'plugins[0]', suggestion: 'did you mean `@sample/host`?' },
    ]);
  });

  const notRoot = process.getuid?.() !== 0;
  it.skipIf(notRoot)(
    `a file of another user is refused, but for the one behind sudo${notRoot ? ' (skipped: needs root)' : ''}`,
    async () => {
      const folder = new RcFolder({ 'rc.yaml': nodeYaml() });
      for (const name of ['', 'rc.yaml', 'private.key']) chownSync(join(folder.path, name), 12_345, 0);
      const problems = await problemsOf(folder.load('rc.yaml'));
      expect(problems.map(({ keyPath }) => keyPath)).toEqual(['', '']);
      expect(problems[0]?.suggestion).toBe(
        `run: chown 0 ${join(folder.path, 'rc.yaml')} ${join(folder.path, 'private.key')}`,
      );
      expect(problems[0]).toMatchObject({ found: expect.stringContaining('belongs to another user (uid 12345)') });
      await expect(folder.load('rc.yaml', { env: { SUDO_UID: '12345' } })).resolves.toBeDefined();
      expect(await problemsOf(folder.load('rc.yaml', { env: { SUDO_UID: '54321' } }))).toHaveLength(2);
    },
  );

  it('a plugin that the world may write is refused', async () => {
    const folder = new RcFolder({ 'rc.yaml': nodeYaml('plugins: ["@sample/transport", ./p.mjs]') });
    folder.write('p.mjs', 'globalThis.openPluginRan = true; export default {};', 0o646);
    expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([
      { plugin: './p.mjs', expected: 'a plugin that nobody else may change' },
    ]);
    expect(globalThis).not.toHaveProperty('openPluginRan');
  });
});
