import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NativeTransport } from '../../../src/attached/native/native-transport.js';
import type { UapiTransportNeeds } from '../../../src/attached/attached-options.js';
import { ProxyTransport } from '../../../src/attached/proxy/proxy-transport.js';
import type { DeviceControl, UapiChange, UapiDeviceState } from '../../../src/uapi/device.js';
import { formatKey } from '../../../src/protocol/keys.js';
import { newIdentity, recordingLogger, systemClock, testGuard } from '../../embedded/support.js';
import { FakeDevice } from '../../uapi/fake-device.js';
import { until } from '../../uapi/programs.js';
import { transportAddress } from '@wirepath/core/plugin';

const PEER = formatKey(new Uint8Array(32).fill(0xaa));
const never = new AbortController().signal;

/** As boringtun 0.7.0: it dies of a change to a peer that it has, and tells how long ago a handshake was. */
class Boringtun implements DeviceControl {
  readonly device = new FakeDevice();
  readonly socket: Socket = createSocket('udp4');
  secondsSinceHandshake: number | undefined;
  panicked = false;

  async open(): Promise<void> {
    this.socket.bind(0, '127.0.0.1');
    await once(this.socket, 'listening');
    this.device.state = { ...this.device.state, listenPort: this.socket.address().port };
  }

  async get(): Promise<UapiDeviceState> {
    const { secondsSinceHandshake: seconds } = this;
    const lastHandshake = seconds === undefined ? undefined : { seconds, nanoseconds: 0 };
    const { peers, ...state } = this.device.describe();
    return { ...state, ownPublicKey: PEER, peers: peers.map((peer) => ({ ...peer, lastHandshake })) };
  }

  async set(change: UapiChange): Promise<void> {
    const present = new Set(this.device.state.peers.map(({ publicKey }) => publicKey));
    for (const { publicKey, remove } of change.peers) {
      if (remove) present.delete(publicKey);
      else if (present.has(publicKey)) this.panicked = true;
      else present.add(publicKey);
    }
    this.device.apply(change);
  }
}

describe('boringtun', () => {
  let boringtun: Boringtun;
  let needs: UapiTransportNeeds;
  const cleanups: (() => unknown)[] = [];

  beforeEach(async () => {
    boringtun = new Boringtun();
    await boringtun.open();
    cleanups.push(() => boringtun.socket.close());
    const node = { interfaceName: 'wptest0', addresses: [], mtu: 1420 };
    needs = { logger: recordingLogger(), clock: systemClock, guard: testGuard(), identity: newIdentity(), node };
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const kinds = [
    ['proxy', ProxyTransport],
    ['native', NativeTransport],
  ] as const;
  it.each(kinds)('is never told to change a peer that it has (%s)', async (_mode, Kind) => {
    const transport = new Kind(needs, { control: boringtun, kind: 'boringtun', configureInterface: false });
    cleanups.push(() => transport.stop());
    await transport.listen({ signal: never });
    await transport.start({ signal: never });
    expect(transport.capabilities).toMatchObject({ handshakeClock: 'elapsed', canModifyPeer: false });
    const peers = () => boringtun.device.state.peers;

    const config = { publicKey: PEER, allowedIps: ['10.0.0.1/32'] };
    transport.addPeer(config);
    await until('the peer', () => peers().length === 1);
    transport.addPeer({ ...config, presharedKey: new Uint8Array(32).fill(1) });
    transport.setAllowedIps(PEER, ['10.0.0.2/32']);
    await until('the change', () => peers()[0]?.allowedIps[0] === '10.0.0.2/32');
    transport.setPath(PEER, [
      {
        kind: 'socket',
        base: { id: 'x', family: 4, port: 0, shared: true },
        remote: transportAddress('127.0.0.1', 9),
      },
    ]);
    const puts = boringtun.device.changes.length;
    transport.initiateHandshake(PEER);
    transport.initiateHandshake(PEER, { fresh: true });
    await until('the handshakes', () => boringtun.device.changes.length >= puts + 2);
    transport.removePeer(PEER);
    await until('the removal', () => peers().length === 0);
    expect(boringtun.panicked).toBe(false);
    expect(transport.counters()['device.refused']).toBeUndefined();
  });

  it.each(kinds)('has its elapsed seconds read as such (%s)', async (_mode, Kind) => {
    const transport = new Kind(needs, { control: boringtun, kind: 'boringtun', configureInterface: false });
    cleanups.push(() => transport.stop());
    await transport.listen({ signal: never });
    await transport.start({ signal: never });
    const handshakes: number[] = [];
    transport.onHandshake(({ atUnixMs }) => handshakes.push(atUnixMs));
    transport.addPeer({ publicKey: PEER, allowedIps: [] });
    await until('the peer', () => boringtun.device.state.peers.length === 1);
    boringtun.secondsSinceHandshake = 2;
    transport.initiateHandshake(PEER);
    // The proxy asks when something passes.
    for (const { endpoint } of boringtun.device.state.peers) if (endpoint) boringtun.socket.send('x', endpoint.port);
    await until('the report', () => handshakes.length === 1);
    expect(Math.abs(Date.now() - 2000 - handshakes[0]!)).toBeLessThan(1000);
    expect(transport.stats()[0]!.lastHandshakeMs).toBe(handshakes[0]);
  });
});
