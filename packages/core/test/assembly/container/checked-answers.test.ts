import { describe, expect, it } from 'vitest';
import { checkedEgress, checkedSignaling } from '../../../src/assembly/container/checked-answers.js';
import type { Egress } from '../../../src/contracts/egress.js';
import type { Signaling } from '../../../src/contracts/signaling.js';
import { Refusals } from '../../../src/base/guard/refusals.js';
import { silentLogger } from '../../../src/base/logging/memory-logger.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';

const clock = new FakeClock();
const refusals = () =>
  new Refusals({ plugin: '@x/odd', what: 'answer', cure: 'remove @x/odd', clock, logger: silentLogger() });
const wan = { interfaceName: 'wan0', family: 4, ip: '192.0.2.1', evidence: 'route' };
const up = { url: 'ws://x', state: 'up', sinceMs: 0 };
const thrower = new Proxy(
  {},
  {
    get: () => {
      throw new Error('no');
    },
  },
);

describe('ways out that a plugin detects', () => {
  it.each<[string, unknown, number]>([
    ['no list', undefined, 0],
    ['nothing in it', [null, wan], 1],
    ['an address of another family', [{ ...wan, family: 6 }, wan], 1],
    ['an address that is none', [{ ...wan, ip: '1' }, wan], 1],
    ['an interface that cannot be', [{ ...wan, interfaceName: 'a/b' }, wan], 1],
    ['unknown evidence', [{ ...wan, evidence: 'hope' }, wan], 1],
    ['getters that throw', [thrower, wan], 1],
    ['no end of them', Array(1000).fill(wan), 64],
  ])('%s: the others are taken, and it is told', async (_, answer, count) => {
    const refused = refusals();
    const egress = checkedEgress({ detect: async () => answer } as unknown as Egress, '@x/odd', clock, refused);
    expect(await egress.detect()).toHaveLength(count);
    expect(refused.problems()).toEqual([expect.stringContaining('@x/odd: an egress is refused')]);
  });

  it('are waited for ten seconds at most', async () => {
    const hanging = { detect: () => new Promise(() => undefined) } as unknown as Egress;
    const detecting = checkedEgress(hanging, '@x/odd', clock, refusals()).detect();
    const outcome = expect(detecting).rejects.toThrow('@x/odd: detect: not done after 10 s');
    await clock.advance(10_000);
    await outcome;
  });
});

describe('states that a signalling plugin tells', () => {
  it.each<[string, unknown, number]>([
    ['nothing in them', [undefined, up], 1],
    ['an unknown state', [{ ...up, state: 'fine' }, up], 1],
    ['a time that no Date holds', [{ ...up, sinceMs: NaN }, { ...up, sinceMs: 1e20 }, up], 1],
    ['an error that is none', [{ ...up, error: { toString: null } }, up], 1],
    ['no URL', [{ state: 'up', sinceMs: 0 }], 0],
  ])('%s: the others are told', (_, states, count) => {
    const refused = refusals();
    const signaling = checkedSignaling({ states: () => states } as unknown as Signaling, refused);
    expect(signaling.states()).toHaveLength(count);
    expect(refused.problems()).toHaveLength(1);
  });

  it('are told as they are where they can be', () => {
    const refused = refusals();
    expect(checkedSignaling({ states: () => [up] } as unknown as Signaling, refused).states()).toEqual([up]);
    expect(refused.problems()).toEqual([]);
  });
});
