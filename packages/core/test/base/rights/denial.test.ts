import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deniedCapability, deniedPath, deniedPort, isDenied } from '../../../src/base/rights/denial.js';

const STRANGER = 12_345;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'denial-'));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('why the system refused', () => {
  it('tells a refusal from a failure', () => {
    expect(['EACCES', 'EPERM', 'EROFS', 'ENOENT', undefined].map(isDenied)).toEqual([true, true, true, false, false]);
  });

  it('a device: EPERM is the container or unit, which lacks it', () => {
    expect(deniedPath('/dev/null', 'EPERM')).toEqual({
      reason: 'this container or service may not use the device /dev/null',
      advice: expect.stringContaining('DeviceAllow=/dev/null rw'),
    });
  });

  it('a file: EPERM is none of its mode’s', () => {
    expect(deniedPath(folder, 'EPERM').reason).toContain('whatever its mode says');
  });

  it('EROFS: nobody writes there', () => {
    expect(deniedPath('/x/y', 'EROFS').reason).toContain('read-only');
  });

  it('EACCES, though the mode allows it: a security module', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(deniedPath(file, 'EACCES').reason).toContain('security module');
  });

  it.each([
    ['a port that only root opens', 80, 'EACCES', /below \d+ are for root/, /CAP_NET_BIND_SERVICE/],
    ['any other port', 51_820, 'EACCES', /security module|sandbox/, /Rights of root do not cure/],
    ['EPERM, which is never the number', 80, 'EPERM', /security module|sandbox/, /SocketBind/],
  ] as const)('%s', (_what, port, code, reason, advice) => {
    expect(deniedPort(port, code)).toEqual({
      reason: expect.stringMatching(reason),
      advice: expect.stringMatching(advice),
    });
  });

  it('a call: EPERM is the capability, EACCES is not', () => {
    expect(deniedCapability('CAP_NET_ADMIN', 'EPERM')).toEqual({
      reason: 'CAP_NET_ADMIN is missing',
      advice: expect.stringContaining('AmbientCapabilities=CAP_NET_ADMIN'),
    });
    expect(deniedCapability('CAP_NET_ADMIN', 'EACCES').advice).not.toContain('root');
    for (const code of ['EPERM', 'EACCES'])
      expect(deniedCapability('CAP_NET_RAW', code).advice).not.toContain('setcap');
  });

  describe.skipIf(process.getuid?.() !== 0)('by the mode of a file (needs root, to be another user)', () => {
    beforeEach(() => process.seteuid?.(STRANGER));
    afterEach(() => process.seteuid?.(0));

    const asRoot = (action: () => void) => {
      process.seteuid?.(0);
      action();
      process.seteuid?.(STRANGER);
    };

    it('names its owner, its mode, and who we are', () => {
      const file = join(folder, 'key');
      asRoot(() => writeFileSync(file, '', { mode: 0o600 }));
      expect(deniedPath(file, 'EACCES').reason).toBe(
        `${file} belongs to uid 0 (mode 0600), and this process runs as uid ${STRANGER}`,
      );
    });

    it('names the folder in the way, however far up', () => {
      asRoot(() => mkdirSync(join(folder, 'closed', 'inner'), { recursive: true }));
      asRoot(() => chmodSync(join(folder, 'closed'), 0o700));
      expect(deniedPath(join(folder, 'closed', 'inner', 'key'), 'EACCES').reason).toContain(
        `its folder ${join(folder, 'closed')} may not be entered`,
      );
    });

    it('names the folder that something was to be made in', () => {
      expect(deniedPath(join(folder, 'a.sock'), 'EACCES').reason).toContain(`nothing may be made in ${folder}`);
    });
  });
});
