import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemProgram } from '../../src/system/system-program.js';

/** None that a system has. */
const NAME = 'wt-no-such-program';
let folder: string;
let before: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'program-')));
  before = process.cwd();
});
afterEach(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

function program(...names: string[]): string {
  const file = join(folder, ...names);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, '#!/bin/sh\necho "ran $0"; env\n', { mode: 0o755 });
  return file;
}

const find = (path: string) => {
  try {
    return systemProgram(NAME, path).file;
  } catch (error) {
    return error as Error & { advice: string };
  }
};

describe('a program of the system', () => {
  it('is found in an absolute folder of PATH, in its order', () => {
    const first = program('first', NAME);
    program('second', NAME);
    expect(find(`${join(folder, 'none')}:${join(folder, 'first')}:${join(folder, 'second')}`)).toBe(first);
  });

  it.each(['', ':', '::', '.', './', 'bin', '../x'])(
    'is never looked for in the folder that we happen to be in: PATH="%s"',
    (path) => {
      program(NAME);
      program('bin', NAME);
      process.chdir(folder);
      expect(find(path)).toMatchObject({ code: 'NETWORK_CONFIG' });
      expect(find(`/nonexistent:${path}`)).toMatchObject({ code: 'NETWORK_CONFIG' });
      expect(find(relative('/', folder))).toMatchObject({ code: 'NETWORK_CONFIG' });
    },
  );

  it('is found in the system’s folders whatever PATH says', () => {
    for (const path of ['', '.', undefined]) expect(systemProgram('sh', path).file).toMatch(/^\/(usr\/)?bin\/sh$/);
  });

  it('is passed over where others may write it, its folder, or what its link leads to; and the error says so', () => {
    const file = program('bin', NAME);
    chmodSync(file, 0o777);
    expect(find(join(folder, 'bin'))).toMatchObject({ advice: expect.stringContaining(`${file} was passed over`) });
    chmodSync(file, 0o755);
    chmodSync(join(folder, 'bin'), 0o777);
    expect(find(join(folder, 'bin'))).toMatchObject({ advice: expect.stringContaining('writable by others') });
    // Sticky keeps others from replacing what is there, not from putting more beside it.
    chmodSync(join(folder, 'bin'), 0o1777);
    expect(find(join(folder, 'bin'))).toBeInstanceOf(Error);
    chmodSync(join(folder, 'bin'), 0o755);
    mkdirSync(join(folder, 'open'));
    chmodSync(join(folder, 'open'), 0o777);
    rmSync(file);
    program('open', 'real');
    symlinkSync('../open/real', file);
    expect(find(join(folder, 'bin'))).toMatchObject({ advice: expect.stringContaining(join(folder, 'open')) });
  });

  it('is a file that can be run, not a folder of that name', () => {
    mkdirSync(join(folder, 'bin', NAME), { recursive: true });
    expect(find(join(folder, 'bin'))).toMatchObject({ message: `the command \`${NAME}\` was not found` });
  });

  it('is taken at its word as an absolute path, and refused as a relative one', () => {
    expect(systemProgram('/opt/wireguard-go', '').file).toBe('/opt/wireguard-go');
    for (const name of ['./ip', 'bin/ip', '../ip'])
      expect(() => systemProgram(name, '')).toThrow(expect.objectContaining({ code: 'CONFIG' }));
  });

  it('runs without our environment: nothing that loads code, no secret of ours', () => {
    const file = program('bin', NAME);
    const { env, cwd } = systemProgram(NAME, `:${join(folder, 'bin')}:relative`);
    const { stdout } = spawnSync(file, { env, cwd, encoding: 'utf8' });
    expect(stdout).toContain(`ran ${file}`);
    expect(Object.keys(env).sort()).toEqual(['LC_ALL', 'PATH']);
    expect(env['PATH']?.split(':').every((element) => element.startsWith('/'))).toBe(true);
  });
});
