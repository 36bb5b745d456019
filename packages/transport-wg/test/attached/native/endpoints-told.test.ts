import { expect, it, vi } from 'vitest';
import { transportAddress, type TransportPath } from '@wirepath/core/plugin';
import { DeviceNetwork } from '../../../src/attached/device/device-network.js';
import { NativeTransport } from '../../../src/attached/native/native-transport.js';
import { formatKey } from '../../../src/protocol/keys.js';
import type { UapiChange } from '../../../src/uapi/device.js';
import { newIdentity, recordingLogger, systemClock, testGuard } from '../../embedded/support.js';
import { FakeDevice } from '../../uapi/fake-device.js';

const PEER = formatKey(new Uint8Array(32).fill(0xaa));
const { signal } = new AbortController();
const at = (ip: string) => transportAddress(ip, 51820);
const base = { id: 'device4', family: 4, port: 51820, shared: true } as const;
const pathTo = (ip: string): TransportPath => ({ kind: 'socket', base, remote: at(ip) });

it('routing knows where a device will send before the device does', async () => {
  const order: string[] = [];
  const endpoints = vi.spyOn(DeviceNetwork.prototype, 'addEndpoint').mockImplementation((ip) => {
    order.push(`routing ${ip}`);
  });
  const device = new FakeDevice();
  const control = {
    get: async () => device.describe(),
    set: async (change: UapiChange) => {
      for (const { endpoint } of change.peers) if (endpoint) order.push(`device ${endpoint.ip}`);
      device.apply(change);
    },
  };
  const node = { interfaceName: 'wptest0', addresses: [], mtu: 1420 };
  const needs = { logger: recordingLogger(), clock: systemClock, guard: testGuard(), identity: newIdentity(), node };
  const transport = new NativeTransport(needs, { control, kind: 'wireguard-go' });
  await transport.listen({ signal });
  transport.addPeer({ publicKey: PEER, allowedIps: ['10.88.0.0/16'], endpoint: at('10.88.0.1') });
  transport.setPath(PEER, [pathTo('10.88.0.2')]);
  await transport.tryEndpoint(PEER, at('10.88.0.3'), { timeoutMs: 0, signal });
  await transport.stop();
  for (const ip of ['10.88.0.1', '10.88.0.2', '10.88.0.3'])
    expect(order.filter((step) => step.endsWith(` ${ip}`)).slice(0, 2)).toEqual([`routing ${ip}`, `device ${ip}`]);
  endpoints.mockRestore();
});
