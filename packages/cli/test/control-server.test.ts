import { chmod, chown, lchown, mkdir, mkdtemp, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlClient, probeControlSocket } from '../src/control/client.js';
import { refuseSameKey } from '../src/control/same-key.js';
import { ControlServer } from '../src/control/server.js';
import { fakeHandler, hello, statusDocument } from './fixtures.js';

let folder: string;
let socketPath: string;
const servers: ControlServer[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'control-'));
  socketPath = join(folder, 'run', 'a.sock');
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  await rm(folder, { recursive: true });
});

async function serve(handler = fakeHandler(), path = socketPath): Promise<ControlServer> {
  const server = new ControlServer({ socketPath: path, handler });
  servers.push(server);
  await server.start();
  return server;
}

const connect = (): Promise<ControlClient> => ControlClient.connect({ socketPath, startAdvice: 'Start it with `up`.' });

/** A socket file that nobody listens on, as a killed process leaves it. */
async function leaveStaleSocket(): Promise<void> {
  await mkdir(join(folder, 'run'));
  const killed = createServer();
  const hidden = join(folder, 'run', 'hidden.sock');
  await new Promise<void>((resolve) => killed.listen(hidden, resolve));
  // close() unlinks the path that was bound: after a rename, the file stays.
  await rename(hidden, socketPath);
  await new Promise((resolve) => killed.close(resolve));
  expect((await stat(socketPath)).isSocket()).toBe(true);
}

describe('the control socket', () => {
  it('is the owner’s alone: folder 0700, socket 0600', async () => {
    await mkdir(join(folder, 'run'), { mode: 0o755 });
    await chmod(join(folder, 'run'), 0o755);
    await serve();
    expect((await stat(join(folder, 'run'))).mode & 0o777).toBe(0o700);
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
  });

  it('answers requests', async () => {
    await serve();
    using client = await connect();
    expect(client.hello).toEqual(hello);
    expect(await client.request('status')).toEqual(statusDocument());
    await expect(client.request('nonsense')).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('streams to a watcher until the server stops', async () => {
    const handler = fakeHandler();
    const server = await serve(handler);
    using client = await connect();
    let events = 0;
    const watching = client.watch(60_000, () => {
      events += 1;
      if (events === 1) handler.change();
      if (events === 2) void server.stop();
    });
    await expect(watching).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    expect(events).toBe(2);
    expect(handler.listeners.size).toBe(0);
  });

  it('is removed at the end, and stopping twice is fine', async () => {
    const server = await serve();
    await Promise.all([server.stop(), server.stop()]);
    expect(await readdir(join(folder, 'run'))).toEqual([]);
    await expect(connect()).rejects.toMatchObject({ code: 'NOT_RUNNING', advice: 'Start it with `up`.' });
  });

  it('refuses to start beside a live one, and names its pid', async () => {
    await serve();
    const second = new ControlServer({ socketPath, handler: fakeHandler() });
    await expect(second.start()).rejects.toMatchObject({
      code: 'ALREADY_RUNNING',
      message: 'a node already runs on this configuration (pid 4711)',
    });
    using client = await connect();
    expect(await client.request('status')).toBeDefined();
  });

  it('refuses beside one that is live but silent', async () => {
    await mkdir(join(folder, 'run'));
    const silent = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => silent.listen(socketPath, resolve));
    await expect(serve()).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
    await new Promise((resolve) => silent.close(resolve));
  });

  it('replaces what a dead process left', async () => {
    await leaveStaleSocket();
    expect(await probeControlSocket(socketPath)).toEqual({ state: 'dead' });
    await serve();
    using client = await connect();
    expect(await client.request('status')).toBeDefined();
  });

  it('takes at most sixteen connections', async () => {
    await serve();
    const sockets = Array.from({ length: 20 }, () => createConnection(socketPath));
    let closed = 0;
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      socket.on('close', () => (closed += 1));
    }
    await expect.poll(() => closed).toBe(4);
    for (const socket of sockets) socket.destroy();
  });

  it('says in one line that its folder cannot be made', async () => {
    await writeFile(join(folder, 'run'), '');
    await expect(serve()).rejects.toMatchObject({ subject: join(folder, 'run') });
  });

  describe('in the hands of a stranger', () => {
    it('is not spoken to: one that others may replace, through any folder on the way', async () => {
      await serve();
      await chmod(folder, 0o777);
      await expect(connect()).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
        message: `the control socket is not to be trusted: ${folder} is writable by others (mode 0777)`,
      });
      await chmod(join(folder, 'run'), 0o770);
      await chmod(folder, 0o700);
      await expect(connect()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    });

    it('is not made where others could replace its folder', async () => {
      await chmod(folder, 0o777);
      await expect(serve()).rejects.toMatchObject({ code: 'PERMISSION_DENIED', subject: join(folder, 'run') });
      expect(await readdir(join(folder, 'run'))).toEqual([]);
    });

    it('is made in a folder of ours in a sticky one, as /tmp is', async () => {
      await chmod(folder, 0o1777);
      await serve();
      using client = await connect();
      expect(client.hello).toEqual(hello);
    });

    describe.skipIf(process.getuid?.() !== 0)('who is another user (needs root)', () => {
      const STRANGER = 12_345;
      /** What they run: it says all that a node would. */
      const impersonate = async (): Promise<Server> => {
        await mkdir(join(folder, 'run'), { mode: 0o755 });
        const fake = createServer((socket) => socket.write(`${JSON.stringify({ hello })}\n`));
        await new Promise<void>((resolve) => fake.listen(socketPath, resolve));
        return fake;
      };
      const closed = (server: Server) => new Promise((resolve) => server.close(resolve));

      it.each(['folder', 'socket', 'link'])('is not spoken to by its %s', async (what) => {
        const fake = await impersonate();
        if (what === 'folder') await chown(join(folder, 'run'), STRANGER, STRANGER);
        if (what === 'socket') await chown(socketPath, STRANGER, STRANGER);
        if (what === 'link') {
          await rename(join(folder, 'run'), join(folder, 'theirs'));
          await symlink('theirs', join(folder, 'run'));
          await lchown(join(folder, 'run'), STRANGER, STRANGER);
        }
        await expect(connect()).rejects.toMatchObject({
          code: 'PERMISSION_DENIED',
          message: expect.stringContaining(`belongs to another user (uid ${STRANGER})`),
        });
        expect(await probeControlSocket(socketPath)).toEqual({ state: 'live', hello: undefined });
        await closed(fake);
      });

      it('is spoken to where root asks the node of that user’s rc file', async () => {
        const fake = await impersonate();
        await chown(join(folder, 'run'), STRANGER, STRANGER);
        await chown(socketPath, STRANGER, STRANGER);
        const owners = { uids: new Set([0, STRANGER]) };
        using client = await ControlClient.connect({ socketPath, startAdvice: '', owners });
        expect(client.hello).toEqual(hello);
        client[Symbol.dispose]();
        await closed(fake);
      });

      it('is not taken for a node that runs already: the start says whose it is', async () => {
        const fake = await impersonate();
        await chown(socketPath, STRANGER, STRANGER);
        await expect(serve()).rejects.toMatchObject({ code: 'PERMISSION_DENIED', subject: socketPath });
        await closed(fake);
      });
    });
  });

  it('says in one line that its path is too long', async () => {
    const path = join(folder, 'x'.repeat(120), 'a.sock');
    await expect(serve(fakeHandler(), path)).rejects.toMatchObject({
      code: 'CONTROL_SOCKET',
      advice: 'Set XDG_RUNTIME_DIR to a shorter path.',
    });
  });

  it('a server of another protocol version is told apart', async () => {
    await serve(fakeHandler({ hello: { ...hello, protocol: 99, version: '9.0.0' } }));
    await expect(connect()).rejects.toThrow('another version (9.0.0)');
  });
});

describe('refuseSameKey', () => {
  const otherPath = (): string => join(folder, 'run', 'b.sock');

  it('finds another live node with this key, and its pid', async () => {
    await serve();
    await serve(fakeHandler({ hello: { ...hello, pid: 42 } }), otherPath());
    await expect(refuseSameKey(join(folder, 'run'), socketPath, hello.publicKey ?? '')).rejects.toMatchObject({
      code: 'ALREADY_RUNNING',
      message: 'a node with this key already runs (pid 42)',
    });
  });

  it('minds neither itself, nor other keys, nor servers, nor the dead', async () => {
    await leaveStaleSocket();
    await serve(fakeHandler({ hello: { ...hello, role: 'server', publicKey: null } }), otherPath());
    const ownPath = join(folder, 'run', 'own.sock');
    await serve(fakeHandler(), ownPath);
    await refuseSameKey(join(folder, 'run'), ownPath, hello.publicKey ?? '');
    await refuseSameKey(join(folder, 'run'), ownPath, 'another key');
  });
});
