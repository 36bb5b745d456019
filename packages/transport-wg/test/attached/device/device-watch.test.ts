import { describe, expect, it } from 'vitest';
import { DeviceWatch } from '../../../src/attached/device/device-watch.js';
import type { UapiDeviceState } from '../../../src/uapi/device.js';
import { ManualClock } from '../manual-clock.js';

const STATE: UapiDeviceState = { listenPort: 1, fwmark: 0, peers: [] };

function watch(get: (clock: ManualClock) => Promise<UapiDeviceState> = async () => STATE) {
  const clock = new ManualClock();
  const asked: number[] = [];
  const told: UapiDeviceState[] = [];
  const failures: unknown[] = [];
  const made = new DeviceWatch({
    clock,
    get: () => get(clock),
    onAsk: () => asked.push(clock.now()),
    onState: (state) => told.push(state),
    onFailure: (error) => failures.push(error),
    busyIntervalMs: 100,
    idleIntervalMs: 10_000,
  });
  return { clock, watch: made, asked, told, failures };
}

describe('the watch over a device', () => {
  it('asks at once, and then rarely', async () => {
    const scene = watch();
    scene.watch.start();
    await scene.clock.advance(20_500);
    expect(scene.asked).toEqual([0, 10_000, 20_000]);
    expect(scene.told).toHaveLength(3);
  });

  it('asks soon after something happened, but at most each interval', async () => {
    const scene = watch();
    scene.watch.start();
    await scene.clock.advance(500);
    scene.watch.nudge();
    await scene.clock.advance(10);
    expect(scene.asked).toEqual([0, 500]);
    for (let i = 0; i < 30; i++) {
      scene.watch.nudge();
      await scene.clock.advance(10);
    }
    expect(scene.asked).toEqual([0, 500, 600, 700, 800]);
  });

  it('asks a slow device less often', async () => {
    const scene = watch(async (clock) => {
      await clock.sleep(50);
      return STATE;
    });
    scene.watch.start();
    for (let i = 0; i < 250; i++) {
      scene.watch.nudge();
      await scene.clock.advance(10);
    }
    expect(scene.asked).toEqual([0, 1000, 2000]);
  });

  it('goes on after a failure', async () => {
    let fail = true;
    const scene = watch(async () => {
      if (fail) throw new Error('silent');
      return STATE;
    });
    scene.watch.start();
    await scene.clock.advance(10);
    fail = false;
    await scene.clock.advance(10_000);
    expect(scene.failures).toHaveLength(1);
    expect(scene.told).toHaveLength(1);
  });

  it('says nothing after stop, and leaves no timer', async () => {
    const scene = watch(async (clock) => {
      await clock.sleep(50);
      return STATE;
    });
    scene.watch.start();
    await scene.clock.advance(10);
    const stopping = scene.watch.stop();
    scene.watch.nudge();
    await scene.clock.advance(1000);
    await stopping;
    expect(scene.told).toEqual([]);
    expect(scene.clock.pending).toBe(0);
  });
});
