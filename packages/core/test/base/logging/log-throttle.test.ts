import { describe, expect, it } from 'vitest';
import { LogThrottle } from '../../../src/base/logging/log-throttle.js';

describe('LogThrottle', () => {
  it('lets one line a minute through, which says how many were held back', () => {
    const throttle = new LogThrottle();
    const admitted = [0, 1, 59_999, 60_000, 60_001, 120_000, 180_000].map((nowMs) => throttle.admit(nowMs));
    expect(admitted).toEqual([{}, undefined, undefined, { unlogged: 2 }, undefined, { unlogged: 1 }, {}]);
  });
});
