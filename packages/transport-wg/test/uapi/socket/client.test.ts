import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UapiClient } from '../../../src/uapi/socket/client.js';
import { UAPI_ERRNO, UapiError } from '../../../src/uapi/errno.js';
import { UapiServer } from '../../../src/uapi/socket/server.js';
import { change, deviceState } from '../arbitraries.js';
import { FakeDevice } from '../fake-device.js';
import { testGuard } from '../../embedded/support.js';

let folder: string;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uapi-'));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await rm(folder, { recursive: true, force: true });
});

describe('the UAPI client, on the UAPI server', () => {
  let device: FakeDevice;
  let client: UapiClient;

  beforeEach(async () => {
    device = new FakeDevice();
    const server = new UapiServer({ interfaceName: 'wt0', device, guard: testGuard(), folder });
    await server.start({ signal: new AbortController().signal });
    cleanups.push(() => server.stop());
    client = UapiClient.forInterface('wt0', folder);
  });

  it('gets what the device has', async () => {
    await fc.assert(
      fc.asyncProperty(deviceState, async (state) => {
        device.state = state;
        expect(await client.get()).toEqual(state);
      }),
      { numRuns: 30 },
    );
  });

  it('sets what it is told', async () => {
    await fc.assert(
      fc.asyncProperty(change, async (value) => {
        await client.set(value);
        expect(device.changes.at(-1)).toEqual(value);
      }),
      { numRuns: 30 },
    );
  });

  it("rejects with the device's error number", async () => {
    device.apply = () => {
      throw new UapiError(UAPI_ERRNO.EADDRINUSE, 'taken');
    };
    await expect(client.set({ replacePeers: false, peers: [] })).rejects.toMatchObject({ errno: 98 });
  });
});

describe('the UAPI client, where no good device is', () => {
  const signal = new AbortController();
  const behaviours: [what: string, onConnection: (socket: Socket) => void, expected: object][] = [
    ['hangs up', (socket) => socket.end(), { errno: 71 }],
    ['breaks off', (socket) => socket.end('listen_port=1\n'), { errno: 71 }],
    ['talks nonsense', (socket) => socket.end('listen_port=x\nerrno=0\n\n'), { errno: 71 }],
    ['talks without end', (socket) => socket.write('x'.repeat(100_000)), { errno: 71 }],
    ['says nothing', () => undefined, { code: 'TIMEOUT' }],
    ['is not waited for', () => signal.abort(), { code: 'ABORTED' }],
  ];
  it.each(behaviours)('rejects when it %s', async (_what, onConnection, expected) => {
    const path = join(folder, 's');
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => undefined);
      cleanups.push(() => socket.destroy());
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    cleanups.push(() => server.close());
    const client = new UapiClient({ path, timeoutMs: 200 });
    const ask = client.get('code' in expected && expected.code === 'ABORTED' ? { signal: signal.signal } : {});
    await expect(ask).rejects.toMatchObject(expected);
  });

  it('rejects when there is none', async () => {
    await expect(UapiClient.forInterface('wt0', folder).get()).rejects.toMatchObject({ code: 'INTERFACE_NOT_FOUND' });
  });
});
