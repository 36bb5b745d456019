import { describe, expect, it } from 'vitest';
import { Counters, transportAddress } from '@wirepath/core/plugin';
import { AttachedDevice } from '../../../src/attached/device/attached-device.js';
import { DeviceMishaps } from '../../../src/attached/device/device-mishaps.js';
import { putPeer } from '../../../src/attached/device/peer-changes.js';
import { formatKey } from '../../../src/protocol/keys.js';
import type { DeviceControl, UapiChange } from '../../../src/uapi/device.js';
import { newIdentity, recordingLogger } from '../../embedded/support.js';
import { FakeDevice } from '../../uapi/fake-device.js';
import { ManualClock } from '../manual-clock.js';

const OURS = formatKey(new Uint8Array(32).fill(0xaa));
const THEIRS = formatKey(new Uint8Array(32).fill(0xbb));
const UNTOUCHED = formatKey(new Uint8Array(32).fill(0xcc));
const HERE = transportAddress('127.0.0.1', 9);
const never = new AbortController().signal;

class FakeControl implements DeviceControl {
  readonly device = new FakeDevice();
  hangs = false;
  fails = false;

  async get(options: { signal?: AbortSignal } = {}) {
    await this.#obey(options.signal);
    return this.device.describe();
  }

  async set(change: UapiChange, options: { signal?: AbortSignal } = {}) {
    await this.#obey(options.signal);
    this.device.apply(change);
  }

  async #obey(signal: AbortSignal | undefined): Promise<void> {
    if (this.fails) throw new Error('no');
    if (this.hangs && signal) {
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        if (signal.aborted) reject(new Error('aborted'));
      });
    }
  }
}

function scene() {
  const control = new FakeControl();
  const peer = { rxBytes: 0, txBytes: 0, keepaliveSeconds: 0, allowedIps: ['10.0.0.0/8'] };
  control.device.state = {
    privateKey: new Uint8Array(32).fill(0x48),
    listenPort: 51820,
    fwmark: 0,
    peers: [
      { publicKey: THEIRS, endpoint: transportAddress('192.0.2.1', 1), ...peer },
      { publicKey: UNTOUCHED, ...peer },
    ],
  };
  const logger = recordingLogger();
  const counters = new Counters();
  const identity = newIdentity();
  const mishaps = new DeviceMishaps(new ManualClock(), 'wt0', counters);
  const device = new AttachedDevice({ interfaceName: 'wt0', control, identity, logger, mishaps });
  return { control, device, logger, counters, mishaps, identity };
}

describe('a device that somebody else runs', () => {
  it('is given our key, and leaves the port that we want', async () => {
    const { control, device, identity } = scene();
    await device.attach({ signal: never, portToFree: 51820 });
    expect(control.device.state).toMatchObject({ privateKey: identity.exportPrivateKey(), listenPort: 0 });
  });

  it('keeps another port', async () => {
    const { control, device } = scene();
    await device.attach({ signal: never, portToFree: 1 });
    expect(control.device.state.listenPort).toBe(51820);
  });

  it('is set back, without what we added', async () => {
    const { control, device } = scene();
    const before = control.device.state;
    await device.attach({ signal: never, portToFree: 51820 });
    for (const publicKey of [OURS, THEIRS]) {
      device.manage(publicKey);
      await device.set(
        putPeer({ publicKey, allowedIps: ['10.1.0.0/16'], keepaliveSeconds: 3 }, HERE, { replace: false }),
      );
    }
    expect(control.device.state.peers).toHaveLength(3);
    await device.detach();
    expect(control.device.state).toEqual(before);
    await device.detach();
    expect(control.device.state).toEqual(before);
  });

  it('takes changes in their order, and answers behind them', async () => {
    const { device } = scene();
    await device.attach({ signal: never });
    for (const listenPort of [1, 2, 3]) void device.set({ listenPort, replacePeers: false, peers: [] });
    expect((await device.get()).listenPort).toBe(3);
  });

  it('may refuse a change: logged, counted, told, and the next is tried', async () => {
    const { control, device, logger, counters, mishaps } = scene();
    await device.attach({ signal: never });
    control.fails = true;
    expect(await device.set({ replacePeers: false, peers: [] })).toBe(false);
    control.fails = false;
    expect(await device.set({ replacePeers: false, peers: [] })).toBe(true);
    expect(counters.snapshot()['device.refused']).toBe(1);
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(mishaps.problems()).toEqual([expect.stringMatching(/^the device wt0 refuses what it is told \(no\)/)]);
  });

  it('may hang, and is left all the same', async () => {
    const { control, device } = scene();
    await device.attach({ signal: never });
    control.hangs = true;
    const changes = [1, 2, 3].map((listenPort) => device.set({ listenPort, replacePeers: false, peers: [] }));
    const beganMs = performance.now();
    await device.detach();
    expect(await Promise.all(changes)).toEqual([false, false, false]);
    expect(performance.now() - beganMs).toBeLessThan(4000);
    await expect(device.get()).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
