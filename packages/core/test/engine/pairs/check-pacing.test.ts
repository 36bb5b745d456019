import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../../src/base/limits/token-bucket.js';
import type { CandidateType } from '../../../src/contracts/candidate.js';
import { CandidatePair } from '../../../src/engine/pairs/candidate-pair.js';
import { CheckPacing } from '../../../src/engine/pairs/check-pacing.js';
import { PEER_CHECK_BURST } from '../../../src/engine/timings.js';
import { BASES, remote } from '../sample-pairs.js';

interface Due {
  readonly base?: keyof typeof BASES;
  readonly to?: CandidateType;
  readonly priority?: number;
  readonly attempts?: number;
}

const plenty = () => new TokenBucket(1e9, 1e9);

function pacing(...due: readonly Due[]) {
  const pairs = due.map(({ base = 'udp4', to = 'host', priority = 1, attempts = 0 }, i) => {
    const pair = new CandidatePair(BASES[base], remote(to, '198.51.100.1', { port: 1024 + i, priority }));
    pair.probe(0);
    pair.schedule.attempts = attempts;
    return pair;
  });
  return { pairs, paced: new CheckPacing(new Map(pairs.map((pair) => [pair.key, pair]))) };
}

describe('of two checks that are due, first goes', () => {
  it.each<[string, Due, Due]>([
    ['that of the pair that was tried less often', { attempts: 1 }, { attempts: 2, priority: 9 }],
    ['in the first round the one through one relay: it works behind any NAT', { base: 'relay' }, { priority: 9 }],
    ['but not the one through two', {}, { base: 'relay', to: 'relayed', priority: 9 }],
    ['later the better tier', { attempts: 1 }, { attempts: 1, base: 'relay', priority: 9 }],
    ['within a tier the higher priority', { priority: 2 }, { priority: 1 }],
  ])('%s', (_what, first, second) => {
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      const { pairs, paced } = pacing(...order);
      expect(paced.takeDue(0, plenty())).toBe(pairs[order.indexOf(first)]);
    }
  });
});

describe('checks to one peer', () => {
  it('go out 5 ms apart, and none before it is due', () => {
    const { pairs, paced } = pacing({}, {}, {});
    const sentAt: number[] = [];
    for (let now = 0; now <= 60; now += 1) {
      const pair = paced.takeDue(now, plenty());
      pair?.checkSent(now);
      if (pair !== undefined) sentAt.push(now);
    }
    expect(sentAt).toEqual([0, 5, 10, 60]);
    expect(paced.nextTimeout()).toBe(65);
    for (const pair of pairs) pair.schedule.stop();
    expect(paced.nextTimeout()).toBeUndefined();
  });

  it('wait for the pace of all peers together', () => {
    const { paced } = pacing({}, {});
    const pacer = new TokenBucket(10, 1);
    expect(paced.takeDue(0, pacer)).toBeDefined();
    expect(paced.takeDue(5, pacer)).toBeUndefined();
    expect(paced.nextTimeout()).toBe(100);
    expect(paced.takeDue(100, pacer)).toBeDefined();
  });

  it('draw on one budget, those that the peer triggers too', () => {
    const { paced } = pacing({});
    const taken = Array.from({ length: PEER_CHECK_BURST + 10 }, () => paced.takeTriggered(0)).filter(Boolean).length;
    expect(taken).toBe(PEER_CHECK_BURST);
    expect(paced.takeDue(0, plenty())).toBeUndefined();
    expect(paced.nextTimeout()).toBe(50);
  });
});
