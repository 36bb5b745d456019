import { chmod, chown, link, mkdir, mkdtemp, lstat, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UAPI_ERRNO, UapiError } from '../../../src/uapi/errno.js';
import { UapiServer, type UapiServerOptions } from '../../../src/uapi/socket/server.js';
import { FakeDevice } from '../fake-device.js';
import { testGuard } from '../../embedded/support.js';

const KEY = 'ab'.repeat(32);
let folder: string;
let device: FakeDevice;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'uapi-')), 'wireguard');
  device = new FakeDevice();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await rm(join(folder, '..'), { recursive: true, force: true });
});

const signal = new AbortController().signal;

function server(options: Partial<UapiServerOptions> = {}): UapiServer {
  const made = new UapiServer({ interfaceName: 'wt0', device, guard: testGuard(), folder, ...options });
  cleanups.push(() => made.stop());
  return made;
}

async function serving(options: Partial<UapiServerOptions> = {}): Promise<UapiServer> {
  const made = server(options);
  expect(await made.start({ signal })).toBe('serving');
  return made;
}

function open(path: string): Socket {
  const socket = connect(path);
  socket.on('error', () => undefined);
  cleanups.push(() => socket.destroy());
  return socket;
}

/** Sends `request` and reads until the server or, having half-closed, we are done. */
async function talk(path: string, request: string): Promise<string> {
  const socket = open(path);
  let text = '';
  socket.on('data', (bytes) => (text += bytes.toString('latin1')));
  socket.end(request);
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

describe('the UAPI server', () => {
  it('answers get and set, several on one connection', async () => {
    const { path } = await serving();
    expect(await talk(path, `set=1\nlisten_port=7\n\nget=1\n\n`)).toBe('errno=0\n\nlisten_port=7\nerrno=0\n\n');
  });

  it('makes its folder 0755 and its socket 0600, and nothing else', async () => {
    const { path } = await serving();
    expect((await lstat(folder)).mode & 0o777).toBe(0o755);
    expect((await lstat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['wt0.sock']);
  });

  it('applies nothing of a request that breaks off, or is wrong', async () => {
    const { path } = await serving();
    expect(await talk(path, 'set=1\nlisten_port=7\n')).toBe('');
    expect(await talk(path, 'set=1\nlisten_port=7\nfoo=1\n\n')).toBe('errno=-22\n\n');
    expect(device.changes).toEqual([]);
  });

  it('passes the error number of the device on, and EIO for an error that is not its own', async () => {
    const { path } = await serving();
    device.apply = () => {
      throw new UapiError(UAPI_ERRNO.EADDRINUSE, 'taken');
    };
    expect(await talk(path, 'set=1\nlisten_port=7\n\n')).toBe('errno=-98\n\n');
    device.apply = () => {
      throw new Error(KEY);
    };
    expect(await talk(path, 'set=1\nlisten_port=7\n\n')).toBe('errno=-5\n\n');
  });

  it('hangs up on a request without end', async () => {
    const { path } = await serving({ maxRequestBytes: 1000 });
    expect(await talk(path, `set=1\n${'listen_port=1\n'.repeat(10_000)}`)).toBe('errno=-22\n\n');
    expect(device.changes).toEqual([]);
  });

  it('closes connections that idle, and those beyond the limit', async () => {
    const made = await serving({ maxConnections: 2, idleTimeoutMs: 50 });
    const sockets = [open(made.path), open(made.path), open(made.path)];
    await Promise.all(
      sockets.map((socket) => {
        socket.resume();
        return new Promise((resolve) => socket.once('close', resolve));
      }),
    );
    expect(made.counters()).toMatchObject({ crowdedOut: 1, timedOut: 2 });
  });

  it('leaves the socket of a live process alone', async () => {
    const other = await serving();
    const late = server();
    expect(await late.start({ signal })).toBe('held');
    await late.stop();
    expect(await talk(other.path, 'get=1\n\n')).toContain('errno=0');
    expect(await readdir(folder)).toEqual(['wt0.sock']);
  });

  it('leaves a file that is no socket alone', async () => {
    await (await serving({ interfaceName: 'other' })).stop();
    await writeFile(join(folder, 'wt0.sock'), 'mine');
    expect(await server().start({ signal })).toBe('held');
  });

  it('replaces the socket of a dead process', async () => {
    await (await serving({ interfaceName: 'other' })).stop();
    const path = join(folder, 'wt0.sock');
    await leaveDeadSocket(path);
    const made = await serving();
    expect(made.path).toBe(path);
    expect(await talk(path, 'get=1\n\n')).toBe('errno=0\n\n');
  });

  it('lets exactly one of two that start at once have it', async () => {
    const verdicts = await Promise.all([server().start({ signal }), server().start({ signal })]);
    expect(verdicts.sort()).toEqual(['held', 'serving']);
  });

  describe('what a process left that was killed while it made its socket', () => {
    const left = async (name: string): Promise<string> => {
      await (await serving({ interfaceName: 'other' })).stop();
      const claim = join(folder, name);
      await mkdir(claim, { mode: 0o700 });
      return claim;
    };

    it('is removed by the next start, with its dead socket or before it had one', async () => {
      await leaveDeadSocket(join(await left('.claim-dead'), 's'));
      await left('.claim-empty');
      await serving();
      expect(await readdir(folder)).toEqual(['wt0.sock']);
    });

    it('is removed however much of it there is', async () => {
      for (let i = 0; i < 40; i++) await left(`.claim-${i}`);
      await serving();
      expect(await readdir(folder)).toEqual(['wt0.sock']);
    });

    it('is left where it is somebody else’s: a live socket, a file, a link, what is not ours to empty', async () => {
      const live = createServer();
      const bound = join(await left('.claim-live'), 's');
      await new Promise<void>((resolve) => live.listen(bound, resolve));
      await writeFile(join(await left('.claim-other'), 'precious'), '');
      await writeFile(join(folder, '.claim-file'), '');
      await symlink(tmpdir(), join(folder, '.claim-link'));
      await serving();
      expect((await readdir(folder)).sort()).toEqual([
        '.claim-file',
        '.claim-link',
        '.claim-live',
        '.claim-other',
        'wt0.sock',
      ]);
      expect(await readdir(join(folder, '.claim-other'))).toEqual(['precious']);
      await new Promise((resolve) => live.close(resolve));
    });

    it('never costs another process its start: many that start at once, each sweeping, all serve', async () => {
      const starts = Array.from({ length: 24 }, (_, i) => server({ interfaceName: `wt${i}` }).start({ signal }));
      expect(new Set(await Promise.all(starts))).toEqual(new Set(['serving']));
      const names = (await readdir(folder)).filter((name) => !/^wt\d+\.sock$/.test(name));
      expect(names).toEqual([]);
    });
  });

  it.each([
    ['writable by others', () => chmod(folder, 0o777)],
    ['belongs to another user', () => chown(folder, 12_345, 12_345)],
  ])('refuses a folder that is %s: what stands there may be anybody’s', async (found, change) => {
    if (found.startsWith('belongs') && process.getuid?.() !== 0) return;
    await (await serving({ interfaceName: 'other' })).stop();
    await change();
    await expect(server().start({ signal })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining(found),
      advice: expect.stringContaining(folder),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('removes its socket on stop, but not one that took its place', async () => {
    const made = await serving();
    await made.stop();
    await made.stop();
    expect(await readdir(folder)).toEqual([]);

    const robbed = await serving();
    await rm(robbed.path);
    const thief = await serving();
    await robbed.stop();
    expect(await talk(thief.path, 'get=1\n\n')).toBe('errno=0\n\n');
  });

  it('stops while it starts, leaving nothing', async () => {
    const made = server();
    const starting = made.start({ signal });
    await made.stop();
    await expect(starting).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(['', '..', 'a/b', 'a'.repeat(16), 'wt 0'])('refuses the name %j', (interfaceName) => {
    expect(() => server({ interfaceName })).toThrow(expect.objectContaining({ code: 'CONFIG' }));
  });
});

/** A socket file whose process has gone: bound, closed, and linked back into place. */
async function leaveDeadSocket(path: string): Promise<void> {
  const dying: Server = createServer();
  await new Promise<void>((resolve) => dying.listen(`${path}.bound`, resolve));
  await link(`${path}.bound`, path);
  await new Promise((resolve) => dying.close(resolve));
  expect((await lstat(path)).isSocket()).toBe(true);
}
