import { chmodSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkServerFiles } from '../../src/assembly/check-server-files.js';
import { createConfigFiles } from '../../src/rc-file/trust/config-files.js';
import { trustedOwners } from '../../src/base/rights/file-trust.js';
import type { LoadedServerPart } from '../../src/assembly/loaded-config.js';
import { ProblemList } from '../../src/rc-file/problems/problem-list.js';
import { RcFolder } from '../rc-file/rc-folder.js';

const warnings: string[] = [];
const filesOf = ({ path }: RcFolder) =>
  createConfigFiles({ folder: path, owners: trustedOwners({}), onWarning: (message) => warnings.push(message) });

describe('a file that decides something and is no secret', () => {
  it('is read as it is, and may be read by others without a word', async () => {
    const folder = new RcFolder({ keys: ' one\n' });
    expect(await filesOf(folder).readTrusted('keys')).toBe(' one\n');
    expect(warnings).toEqual([]);
  });

  it('is refused where others may write it, or put another in its place', async () => {
    const folder = new RcFolder({ 'lists/keys': 'one' });
    chmodSync(`${folder.path}/lists/keys`, 0o666);
    await expect(filesOf(folder).readTrusted('lists/keys')).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('writable by others') as string,
      advice: `run: chmod go-w ${folder.path}/lists/keys`,
      rights: { command: 'chmod go-w', path: `${folder.path}/lists/keys` },
    });
    chmodSync(`${folder.path}/lists/keys`, 0o644);
    chmodSync(`${folder.path}/lists`, 0o777);
    await expect(filesOf(folder).readTrusted('lists/keys')).rejects.toMatchObject({
      code: 'CONFIG',
      advice: `run: chmod go-w ${folder.path}/lists`,
    });
  });

  it('is said to be missing, or a folder', async () => {
    const folder = new RcFolder({ 'lists/keys': '' });
    await expect(filesOf(folder).readTrusted('none')).rejects.toThrow('there is no such file');
    await expect(filesOf(folder).readTrusted('lists')).rejects.toThrow('it is a folder');
  });
});

describe('what a server part finds in the files that its options name', () => {
  const part = (check: NonNullable<LoadedServerPart['part']['check']>): LoadedServerPart => ({
    plugin: 'sample',
    sections: ['sample'],
    options: {},
    part: {
      sections: ['sample'],
      options: () => ({}) as never,
      create: () => {
        throw new Error('is not created');
      },
      check,
    },
  });

  it('is told with everything else, by file and line', async () => {
    const folder = new RcFolder();
    const problems = new ProblemList('/rc.yaml');
    const found = [
      { path: ['sample', 'list'], file: '/keys', line: 2, expected: 'a key' },
      { path: ['sample', 'list'], file: '/keys', line: 7, expected: 'a key' },
    ];
    await checkServerFiles([part(async () => found)], { files: filesOf(folder), problems });
    expect(problems.problems).toEqual([
      { file: '/keys', line: 2, keyPath: 'server.sample.list', expected: 'a key', plugin: 'sample' },
      { file: '/keys', line: 7, keyPath: 'server.sample.list', expected: 'a key', plugin: 'sample' },
    ]);
  });

  it('a part that throws is named', async () => {
    const problems = new ProblemList('/rc.yaml');
    const throwing = part(() => Promise.reject(new Error('broken')));
    await checkServerFiles([throwing], { files: filesOf(new RcFolder()), problems });
    expect(problems.problems).toMatchObject([{ keyPath: 'server', plugin: 'sample', found: 'Error: broken' }]);
  });
});
