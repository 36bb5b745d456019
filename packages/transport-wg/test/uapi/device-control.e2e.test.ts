import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { transportAddress } from '@wirepath/core/plugin';
import { WireguardGo } from '../../src/attached/device/wireguard-go.js';
import { UapiClient } from '../../src/uapi/socket/client.js';
import type { DeviceControl, UapiPeerChange } from '../../src/uapi/device.js';
import { formatKey } from '../../src/protocol/keys.js';
import { WgProgram } from '../../src/attached/device/wg-program.js';
import { lacking, uniqueInterface } from './programs.js';

const reason = lacking('wg', 'wireguard-go');
if (reason) console.log(`skipped: clients against wireguard-go: ${reason}`);

const A = formatKey(new Uint8Array(32).fill(0xaa));
const B = formatKey(new Uint8Array(32).fill(0xbb));
// Clamped already, so that it comes back as it went.
const PRIVATE = new Uint8Array(32).fill(0x48);
const PRESHARED = new Uint8Array(32).fill(0x11);

const peer = (publicKey: string, more: Partial<UapiPeerChange> = {}): UapiPeerChange => ({
  publicKey,
  remove: false,
  updateOnly: false,
  replaceAllowedIps: false,
  allowedIps: [],
  ...more,
});
const allow = (...cidrs: string[]) => cidrs.map((cidr) => ({ cidr, remove: false }));

describe.skipIf(reason)('control of a real device (wireguard-go)', () => {
  const name = uniqueInterface();
  const daemon = new WireguardGo({ interfaceName: name });
  beforeAll(() => daemon.start({ signal: new AbortController().signal }));
  afterAll(() => daemon.stop());

  const clients: [string, () => DeviceControl][] = [
    ['over its socket', () => UapiClient.forInterface(name)],
    ['through wg, as for kernel devices', () => new WgProgram({ interfaceName: name })],
  ];
  describe.each(clients)('%s', (_how, make) => {
    it('sets and gets everything', async () => {
      const control = make();
      await control.set({
        privateKey: PRIVATE,
        fwmark: 0,
        replacePeers: true,
        peers: [
          peer(A, {
            presharedKey: PRESHARED,
            endpoint: transportAddress('127.0.0.1', 9),
            keepaliveSeconds: 0,
            replaceAllowedIps: true,
            allowedIps: allow('10.0.0.0/24', 'fd00::/64'),
          }),
          peer(B, { allowedIps: allow('10.0.1.0/24') }),
        ],
      });
      const state = await control.get();
      expect(state).toMatchObject({ privateKey: PRIVATE, fwmark: 0, listenPort: expect.any(Number) });
      expect(state.peers).toHaveLength(2);
      const byKey = new Map(state.peers.map((each) => [each.publicKey, each]));
      expect(byKey.get(A)).toMatchObject({ presharedKey: PRESHARED, keepaliveSeconds: 0, rxBytes: 0 });
      expect(byKey.get(A)?.endpoint).toEqual(transportAddress('127.0.0.1', 9));
      expect([...(byKey.get(A)?.allowedIps ?? [])].sort()).toEqual(['10.0.0.0/24', 'fd00::/64']);
      expect(byKey.get(B)?.allowedIps).toEqual(['10.0.1.0/24']);
      expect(byKey.get(B)?.lastHandshake).toBeUndefined();
    });

    it('changes a peer, keeping what is not said, and removes one', async () => {
      const control = make();
      await control.set({
        replacePeers: false,
        peers: [
          peer(A, { presharedKey: null }),
          peer(B, { allowedIps: allow('10.0.2.0/24') }),
          peer(formatKey(new Uint8Array(32).fill(0xcc)), { updateOnly: true, allowedIps: allow('10.0.3.0/24') }),
        ],
      });
      const state = await control.get();
      const byKey = new Map(state.peers.map((each) => [each.publicKey, each]));
      expect(byKey.size).toBe(2);
      expect(byKey.get(A)?.presharedKey).toBeUndefined();
      expect([...(byKey.get(B)?.allowedIps ?? [])].sort()).toEqual(['10.0.1.0/24', '10.0.2.0/24']);

      await control.set({ replacePeers: false, peers: [peer(B, { remove: true })] });
      expect((await control.get()).peers.map((each) => each.publicKey)).toEqual([A]);
    });
  });

  it('says so when there is no device', async () => {
    const absent = uniqueInterface();
    const expected = { code: 'INTERFACE_NOT_FOUND' };
    await expect(UapiClient.forInterface(absent).get()).rejects.toMatchObject(expected);
    await expect(new WgProgram({ interfaceName: absent }).get()).rejects.toMatchObject(expected);
    await expect(new WgProgram({ interfaceName: name, program: 'no-such-wg' }).get()).rejects.toMatchObject({
      code: 'NETWORK_CONFIG',
    });
  });
});
