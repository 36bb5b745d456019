import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  controlSocketPath,
  prepareRuntimeFolder,
  runtimeFolder,
  stateFolder,
} from '../../../src/assembly/product/runtime-paths.js';

const product = { name: 'acme' };

describe('runtimeFolder', () => {
  it.each([
    ['root without XDG_RUNTIME_DIR', { env: {}, uid: 0 }, '/run/acme'],
    ['root with it', { env: { XDG_RUNTIME_DIR: '/tmp/x' }, uid: 0 }, '/tmp/x/acme'],
    ['a user with it', { env: { XDG_RUNTIME_DIR: '/run/user/1000' }, uid: 1000 }, '/run/user/1000/acme'],
    ['a user without it', { env: {}, uid: 1000 }, join(tmpdir(), 'acme-1000')],
    ['a relative one, which does not count', { env: { XDG_RUNTIME_DIR: 'x' }, uid: 0 }, '/run/acme'],
  ])('%s', (_, options, expected) => {
    expect(runtimeFolder(product, options)).toBe(expected);
  });
});

describe('stateFolder', () => {
  it.each([
    ['root', { env: {}, uid: 0 }, '/var/lib/acme'],
    ['root with XDG_STATE_HOME', { env: { XDG_STATE_HOME: '/tmp/x' }, uid: 0 }, '/tmp/x/acme'],
    ['a user with it', { env: { XDG_STATE_HOME: '/home/u/s' }, uid: 1000 }, '/home/u/s/acme'],
    ['a user without it', { env: {}, uid: 1000 }, join(homedir(), '.local/state/acme')],
    [
      'a unit',
      { env: { STATE_DIRECTORY: '/var/lib/a:/var/lib/b', XDG_STATE_HOME: '/tmp/x' }, uid: 1000 },
      '/var/lib/a',
    ],
    [
      'relative ones, which do not count',
      { env: { STATE_DIRECTORY: 'x', XDG_STATE_HOME: 'y' }, uid: 0 },
      '/var/lib/acme',
    ],
  ])('of %s', (_, options, expected) => {
    expect(stateFolder(product, options)).toBe(expected);
  });
});

describe('controlSocketPath', () => {
  const options = { env: { XDG_RUNTIME_DIR: '/run/user/1000' }, uid: 1000 };
  it('is one per rc file, whatever way its path is written', () => {
    const path = controlSocketPath(product, '/etc/acme/a.yaml', options);
    expect(path).toMatch(/^\/run\/user\/1000\/acme\/[0-9a-f]{16}\.sock$/);
    expect(controlSocketPath(product, '/etc/acme/../acme/a.yaml', options)).toBe(path);
    expect(controlSocketPath(product, '/etc/acme/b.yaml', options)).not.toBe(path);
  });
});

describe('prepareRuntimeFolder', () => {
  let root = '';
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'run-'))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const options = () => ({ env: { XDG_RUNTIME_DIR: root } });

  it('makes it for its owner alone, once', async () => {
    const folder = await prepareRuntimeFolder(product, options());
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    await expect(prepareRuntimeFolder(product, options())).resolves.toBe(folder);
  });

  it.each<[string, () => void]>([
    ['others may write', () => (mkdirSync(join(root, 'acme')), chmodSync(join(root, 'acme'), 0o777))],
    ['is a link to elsewhere', () => symlinkSync(tmpdir(), join(root, 'acme'))],
  ])('refuses one that %s', async (_, make) => {
    make();
    await expect(prepareRuntimeFolder(product, options())).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  it('refuses one of another user', async () => {
    await prepareRuntimeFolder(product, options());
    await expect(prepareRuntimeFolder(product, { ...options(), uid: 12_345 })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
  });
});
