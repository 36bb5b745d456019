import { Counters } from '@wirepath/core/plugin';
import { describe, expect, it } from 'vitest';
import { DeviceMishaps } from '../../../src/attached/device/device-mishaps.js';
import { ManualClock } from '../manual-clock.js';

describe('a device that is not our own', () => {
  it.each<[string, (mishaps: DeviceMishaps) => void, string, RegExp]>([
    [
      'does not answer',
      (of) => of.silent(new Error('ENOENT')),
      'device.silent',
      /^the device wt0 does not answer \(ENOENT\): .*ip link show wt0/,
    ],
    [
      'refuses a change',
      (of) => of.refused('EINVAL'),
      'device.refused',
      /^the device wt0 refuses what it is told \(EINVAL\)/,
    ],
    [
      'has no port',
      (of) => of.unreachable(undefined),
      'loopback.no-device',
      /it listens on no port; see `wg show wt0`/,
    ],
    ['is cut off', (of) => of.unreachable('EPERM'), 'loopback.failed', /EPERM on the loopback interface.*firewall/],
  ])('that %s is counted, and told with the cure', (_what, happens, counter, sentence) => {
    const counters = new Counters();
    const mishaps = new DeviceMishaps(new ManualClock(), 'wt0', counters);
    happens(mishaps);
    expect(counters.snapshot()).toEqual({ [counter]: 1 });
    expect(mishaps.problems()).toEqual([expect.stringMatching(sentence)]);
  });

  it('that answers again is told no more', () => {
    const mishaps = new DeviceMishaps(new ManualClock(), 'wt0', new Counters());
    mishaps.silent('timeout');
    mishaps.answered();
    expect(mishaps.problems()).toEqual([]);
  });
});
