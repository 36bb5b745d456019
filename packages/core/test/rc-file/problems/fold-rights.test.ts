import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ConfigProblem } from '../../../src/base/errors/config-problems.js';
import { foldRights } from '../../../src/rc-file/problems/fold-rights.js';
import { PEER_KEY, PRIVATE_KEY, problemsOf, RcFolder } from '../rc-folder.js';

const yaml = [
  'privateKeyFile: ./private.key',
  'peersFile: ./peers.yaml',
  'plugins: ["@sample/transport", ["@sample/relay", { servers: [{ url: u, username: u, credential: hunter2 }] }]]',
].join('\n');

/** What somebody with this umask makes who follows the README. */
function made(umask: number): RcFolder {
  const folder = new RcFolder();
  folder.write('rc.yaml', yaml, 0o666 & ~umask);
  folder.write('peers.yaml', `- { name: b, publicKey: ${PEER_KEY} }`, 0o666 & ~umask);
  folder.write('private.key', PRIVATE_KEY, 0o666 & ~umask);
  chmodSync(folder.path, 0o777 & ~umask);
  return folder;
}

const warningsOf = async (folder: RcFolder) =>
  (await folder.load('rc.yaml')).warnings.filter(({ message }) => message.includes('run: '));

describe('a umask', () => {
  it('of 002 is one problem, with one command after which there is none', async () => {
    const folder = made(0o002);
    const at = (name: string) => join(folder.path, name);
    const problems = await problemsOf(folder.load('rc.yaml'));
    expect(problems).toEqual([
      {
        file: at('rc.yaml'),
        keyPath: '',
        expected: 'files and folders that nobody else can change',
        found: `${[
          `${at('rc.yaml')} is writable by others (mode 0664)`,
          `its folder ${folder.path} is writable by others (mode 0775)`,
          `${at('private.key')} is writable by others (mode 0664)`,
          `${at('peers.yaml')} is writable by others (mode 0664)`,
        ].join(', ')}; a umask of 002 makes them so`,
        suggestion: `run: chmod go-rwx ${at('rc.yaml')} ${at('private.key')} && chmod go-w ${folder.path} ${at('peers.yaml')}`,
      },
    ]);
    for (const name of ['rc.yaml', 'private.key']) chmodSync(at(name), 0o600);
    for (const name of ['.', 'peers.yaml']) chmodSync(at(name), 0o755);
    expect(await warningsOf(folder)).toEqual([]);
  });

  it('of 022 is one warning', async () => {
    const folder = made(0o022);
    const files = `${folder.path}/rc.yaml, ${folder.path}/private.key`;
    expect(await warningsOf(folder)).toEqual([
      {
        file: `${folder.path}/rc.yaml`,
        keyPath: '',
        message: `secrets that others may read: ${files}; run: chmod go-r ${files.replace(',', '')}`,
      },
    ]);
  });

  it('of 077 is right', async () => {
    expect(await warningsOf(made(0o077))).toEqual([]);
  });

  it('hides no other problem', async () => {
    const folder = made(0o002);
    folder.write('rc.yaml', `${yaml}\nmtu: 1`, 0o664);
    expect((await problemsOf(folder.load('rc.yaml'))).map(({ keyPath }) => keyPath)).toEqual(['', 'mtu']);
  });
});

describe('files that several have found', () => {
  const problem = (path: string, more: Partial<ConfigProblem>): ConfigProblem => ({
    file: '/etc/rc.yaml',
    keyPath: 'server.sample',
    expected: 'a file of ours alone',
    found: path,
    ...more,
  });

  it('are known by what mends them, in whatever words that is told', () => {
    const problems = [
      problem('/etc/a', {
        suggestion: 'Others should not write it.',
        rights: { command: 'chmod go-w', path: '/etc/a' },
      }),
      problem('/etc/b c', { rights: { command: 'chown 0', path: '/etc/b c' } }),
    ];
    expect(foldRights({ problems, warnings: [] }, '/etc/rc.yaml').problems).toEqual([
      {
        file: '/etc/rc.yaml',
        keyPath: '',
        expected: 'files and folders that nobody else can change',
        found: '/etc/a, /etc/b c',
        suggestion: "run: chmod go-w /etc/a && chown 0 '/etc/b c'",
      },
    ]);
  });

  it('are left as they are where words alone say so', () => {
    const problems = ['/etc/a', '/etc/b'].map((path) => problem(path, { suggestion: `run: chmod go-w ${path}` }));
    expect(foldRights({ problems, warnings: [] }, '/etc/rc.yaml').problems).toEqual(problems);
  });
});
