import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isDenied, readState, writeState } from '../../../src/shell/remembered/state-file.js';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'state-'))));
afterEach(() => rm(folder, { recursive: true }));

const path = () => join(folder, 'of-mine', 'peers.json');

describe('a state file', () => {
  it('is there whole, for its owner alone, and nothing is beside it', async () => {
    await writeState(path(), 'one');
    await writeState(path(), 'two');
    expect(await readState(path(), 100)).toEqual({ text: 'two' });
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'of-mine'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(folder, 'of-mine'))).toEqual(['peers.json']);
  });

  it('is written also where a killed run left half of one, or somebody a link', async () => {
    await mkdir(join(folder, 'of-mine'));
    const victim = join(folder, 'victim');
    await writeFile(victim, 'untouched');
    await symlink(victim, `${path()}.new`);
    await writeState(path(), 'one');
    expect(await readFile(victim, 'utf8')).toBe('untouched');
    expect(await readState(path(), 100)).toEqual({ text: 'one' });
  });

  it('says where the place is not ours', async () => {
    await writeFile(join(folder, 'file'), '');
    const below = join(folder, 'file', 'of-mine', 'peers.json');
    expect(await readState(below, 100)).toMatchObject({ isDenied: true });
    await expect(writeState(below, 'one')).rejects.toSatisfy(isDenied);
    expect(isDenied(Object.assign(new Error('full'), { code: 'ENOSPC' }))).toBe(false);
  });

  it('is missing at first', async () => expect(await readState(path(), 100)).toEqual({ missing: true }));

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['others may write', () => chmod(path(), 0o602), /writable by others.*chmod/],
    [
      'is in a folder that others may write',
      () => chmod(join(folder, 'of-mine'), 0o777),
      /folder .* writable by others/,
    ],
    ['is too long', () => writeState(path(), 'x'.repeat(101)), /longer than 100 bytes/],
    ['is a link', async () => (await rm(path()), symlink('/etc/hostname', path())), /cannot be read/],
    ['is a folder', async () => (await rm(path()), mkdir(path(), { mode: 0o700 })), /is no file|cannot be read/],
  ])('is not believed where it %s', async (_what, spoil, problem) => {
    await writeState(path(), 'one');
    await spoil();
    expect(await readState(path(), 100)).toEqual({ problem: expect.stringMatching(problem) as string });
  });
});
