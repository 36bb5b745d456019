import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { transportAddress } from '@wirepath/core/plugin';
import { UAPI_ERRNO, UapiError } from '../../../src/uapi/errno.js';
import { UapiServer } from '../../../src/uapi/socket/server.js';
import { formatKey } from '../../../src/protocol/keys.js';
import { FakeDevice } from '../../uapi/fake-device.js';
import { lacking, run, uniqueInterface } from '../../uapi/programs.js';
import { testGuard } from '../../embedded/support.js';

const reason = lacking('wg');
if (reason) console.log(`skipped: wg against the UAPI server: ${reason}`);

const A = formatKey(new Uint8Array(32).fill(0xaa));
const B = formatKey(new Uint8Array(32).fill(0xbb));
const C = formatKey(new Uint8Array(32).fill(0xcc));
const PRIVATE = new Uint8Array(32).fill(0x48);
const PRESHARED = new Uint8Array(32).fill(0x11);

describe.skipIf(reason)('the wg program, on the UAPI server', () => {
  let name: string;
  let device: FakeDevice;
  let server: UapiServer;

  beforeEach(async () => {
    name = uniqueInterface();
    device = new FakeDevice();
    device.state = {
      privateKey: PRIVATE,
      listenPort: 51820,
      fwmark: 0x99,
      peers: [
        {
          publicKey: A,
          presharedKey: PRESHARED,
          endpoint: transportAddress('192.0.2.1', 51821),
          lastHandshake: { seconds: 1_700_000_000, nanoseconds: 5 },
          rxBytes: 1000,
          txBytes: 2000,
          keepaliveSeconds: 25,
          allowedIps: ['10.0.0.0/24', 'fd00::/64'],
        },
        {
          publicKey: B,
          endpoint: transportAddress('2001:db8::1', 1),
          rxBytes: 0,
          txBytes: 0,
          keepaliveSeconds: 0,
          allowedIps: [],
        },
      ],
    };
    server = new UapiServer({ interfaceName: name, device, guard: testGuard() });
    expect(await server.start({ signal: new AbortController().signal })).toBe('serving');
  });
  afterEach(() => server.stop());

  it('wg show: dump has every field', async () => {
    const base64 = (key: Uint8Array) => Buffer.from(key).toString('base64');
    const [deviceLine = '', ...peers] = (await run('wg', ['show', name, 'dump'])).trim().split('\n');
    expect(deviceLine.split('\t')).toEqual([base64(PRIVATE), expect.any(String), '51820', '0x99']);
    expect(peers.map((line) => line.split('\t'))).toEqual([
      [A, base64(PRESHARED), '192.0.2.1:51821', '10.0.0.0/24,fd00::/64', '1700000000', '1000', '2000', '25'],
      [B, '(none)', '[2001:db8::1]:1', '(none)', '0', '0', '0', 'off'],
    ]);
  });

  it('wg show interfaces lists it', async () => {
    expect((await run('wg', ['show', 'interfaces'])).split(/\s+/)).toContain(name);
  });

  it('wg showconf and wg setconf: what was shown is what was there', async () => {
    const conf = await run('wg', ['showconf', name]);
    const before = device.state.peers.map(({ publicKey, allowedIps, endpoint }) => ({
      publicKey,
      allowedIps,
      endpoint,
    }));
    device.state = { listenPort: 0, fwmark: 0, peers: [] };
    await run('wg', ['setconf', name, '/dev/stdin'], conf);
    expect(device.state).toMatchObject({ privateKey: PRIVATE, listenPort: 51820, fwmark: 0x99, peers: before });
  });

  it('wg set: adds, changes and removes', async () => {
    await run('wg', ['set', name, 'listen-port', '4242', 'fwmark', '0']);
    expect(device.state).toMatchObject({ listenPort: 4242, fwmark: 0 });

    await run('wg', ['set', name, 'peer', C, 'allowed-ips', '10.9.0.0/16', 'endpoint', '198.51.100.7:9']);
    expect(device.state.peers[2]).toMatchObject({ publicKey: C, allowedIps: ['10.9.0.0/16'] });
    expect(device.state.peers[2]?.endpoint).toEqual(transportAddress('198.51.100.7', 9));

    await run('wg', ['set', name, 'peer', A, 'preshared-key', '/dev/null', 'persistent-keepalive', 'off']);
    expect(device.state.peers[0]).toMatchObject({ publicKey: A, presharedKey: undefined, keepaliveSeconds: 0 });

    await run('wg', ['set', name, 'peer', B, 'remove', 'peer', C, 'remove']);
    expect(device.state.peers.map((peer) => peer.publicKey)).toEqual([A]);
  });

  it('wg syncconf: removes, adds and keeps, without replacing all', async () => {
    const conf = (await run('wg', ['showconf', name])).replaceAll(B, C);
    await run('wg', ['syncconf', name, '/dev/stdin'], conf);
    expect(device.state.peers.map((peer) => peer.publicKey).sort()).toEqual([A, C].sort());
    expect(device.changes.some((change) => change.replacePeers)).toBe(false);
    expect(device.state.peers.find((peer) => peer.publicKey === A)).toMatchObject({ rxBytes: 1000 });
  });

  it('wg set: is told the error number', async () => {
    device.apply = () => {
      throw new UapiError(UAPI_ERRNO.EADDRINUSE, 'taken');
    };
    await expect(run('wg', ['set', name, 'listen-port', '1'])).rejects.toThrow('Address already in use');
  });
});
