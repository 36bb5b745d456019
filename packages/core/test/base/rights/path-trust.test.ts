import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { distrustOfPath } from '../../../src/base/rights/path-trust.js';

const uid = process.getuid?.() ?? -1;
const owners = { uids: new Set([0, uid]) };
const STRANGER = 12_345;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trust-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = (...names: string[]) => join(folder, ...names);
const make = (name: string, mode: number) => {
  mkdirSync(at(name));
  chmodSync(at(name), mode);
};

describe('a path is ours', () => {
  it('when only root and we can have put there what is at its end; /tmp, which is sticky, may be on the way', () => {
    make('run', 0o700);
    writeFileSync(at('run', 'file'), '', { mode: 0o600 });
    expect(distrustOfPath(at('run', 'file'), owners)).toBeUndefined();
    expect(distrustOfPath('/usr/bin', owners)).toBeUndefined();
  });

  it.each([
    [0o777, 'writable by others (mode 0777)'],
    [0o775, 'writable by others (mode 0775)'],
    [0o1777, undefined],
    [0o755, undefined],
  ])('not through a folder of mode %o', (mode, found) => {
    make('run', mode);
    mkdirSync(at('run', 'inner'), { mode: 0o700 });
    expect(distrustOfPath(at('run', 'inner'), owners)?.found).toEqual(found && expect.stringContaining(found));
  });

  it('not when the file at its end may be written by others', () => {
    writeFileSync(at('program'), '');
    chmodSync(at('program'), 0o757);
    expect(distrustOfPath(at('program'), owners)).toEqual({
      found: `${at('program')} is writable by others (mode 0757)`,
      suggestion: `Run: chmod go-w ${at('program')}`,
    });
  });

  it('whatever the mode of a socket: that says who may connect', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(at('s'), resolve));
    chmodSync(at('s'), 0o777);
    expect(distrustOfPath(at('s'), owners)).toBeUndefined();
    await new Promise((resolve) => server.close(resolve));
  });

  it('through a link only where what it leads to is', () => {
    make('open', 0o777);
    symlinkSync('open', at('link'));
    expect(distrustOfPath(at('link'), owners)?.found).toContain(at('open'));
    symlinkSync('loop', at('loop'));
    expect(distrustOfPath(at('loop'), owners)?.found).toContain('loop of links');
  });

  it('nor where files have no owners is anything distrusted', () => {
    make('run', 0o777);
    expect(distrustOfPath(at('run'), undefined)).toBeUndefined();
  });

  it('throws what the system says where there is nothing', () => {
    expect(() => distrustOfPath(at('none'), owners)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  describe.skipIf(uid !== 0)('when it belongs to somebody else (needs root)', () => {
    beforeEach(() => {
      // Others must get as far as the sticky folder to make something in it.
      chmodSync(folder, 0o755);
      make('sticky', 0o1777);
    });

    it.each([
      ['a folder', (path: string) => mkdirSync(path)],
      ['a link, wherever it leads', (path: string) => symlinkSync('/usr/bin', path)],
      ['a file', (path: string) => writeFileSync(path, '')],
    ])('%s in a sticky folder is not ours', (_what, put) => {
      const path = at('sticky', 'x');
      process.seteuid?.(STRANGER);
      try {
        put(path);
      } finally {
        process.seteuid?.(0);
      }
      expect(distrustOfPath(path, owners)?.found).toBe(`${path} belongs to another user (uid ${STRANGER})`);
    });
  });
});
