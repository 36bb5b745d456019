import { describe, expect, it } from 'vitest';
import type { NatBehavior } from '../../../src/contracts/nat-behavior.js';
import { keepaliveIntervalMs } from '../../../src/engine/selection/keepalive.js';

const nat = (bindingLifetimeMs?: number): NatBehavior => ({
  mapping: null,
  filtering: null,
  ...(bindingLifetimeMs !== undefined && { bindingLifetimeMs }),
});

describe('how long a path may stay idle', () => {
  it.each<[string, number, NatBehavior, NatBehavior | undefined, boolean, number]>([
    ['as configured, where both NATs remember for longer', 20_000, nat(60_000), nat(160_000), false, 20_000],
    ['nine tenths of the shorter lifetime: ours', 25_000, nat(10_000), nat(160_000), false, 9000],
    ['or theirs', 25_000, nat(160_000), nat(20_000), false, 18_000],
    ['28 s are assumed where a NAT is not known', 60_000, nat(), nat(160_000), false, 25_200],
    ['and before the peer has said anything', 60_000, nat(160_000), undefined, false, 25_200],
    ['a tenth less on the side that controls', 20_000, nat(60_000), nat(60_000), true, 18_000],
    ['for ever, where none is wanted', 0, nat(10_000), nat(10_000), true, 0],
  ])('%s', (_what, configuredMs, ours, theirs, controlling, expected) => {
    expect(keepaliveIntervalMs(configuredMs, ours, theirs, controlling)).toBe(expected);
  });
});
