import { describe, expect, it } from 'vitest';
import { bestPair, mayFollow } from '../../../src/engine/selection/pair-ranking.js';
import { provenPair, type SamplePair } from '../sample-pairs.js';

const NOW = 100_000;
const fresh = (sample: SamplePair) => provenPair({ heardAt: NOW, ...sample });
const relayed = { base: 'relay', to: 'host' } as const;
const twiceRelayed = { base: 'relay', to: 'relayed' } as const;
const punched = { to: 'server-reflexive' } as const;

describe('of two proven pairs, the better', () => {
  it.each<[string, SamplePair, SamplePair]>([
    ['is direct rather than hole-punched, however slow', { rttMs: 300 }, { ...punched, rttMs: 10 }],
    ['is hole-punched rather than relayed, however slow', { ...punched, rttMs: 300 }, { ...relayed, rttMs: 10 }],
    ['crosses one relay rather than two', { ...relayed, rttMs: 300 }, { ...twiceRelayed, rttMs: 10 }],
    ['crosses the peer’s relay rather than both', { to: 'relayed', rttMs: 300 }, { ...twiceRelayed, rttMs: 10 }],
    ['crosses two relays that stay rather than one that goes', twiceRelayed, { ...relayed, retiring: true }],
    ['is clean rather than through a relay that stays', { ...relayed, retiring: true }, { ...relayed, lossy: true }],
    ['delivers: a clean relay beats a lossy direct path', relayed, { lossy: true }],
    ['of two lossy ones is the better tier', { lossy: true }, { ...relayed, lossy: true }],
    ['is faster by 20 %', { rttMs: 80 }, { rttMs: 100, base: 'udp6' }],
    ['is IPv6 where neither is much faster', { base: 'udp6', rttMs: 85 }, { rttMs: 80 }],
    ['is IPv6 where 20 % are less than 10 ms', { base: 'udp6', rttMs: 29 }, { rttMs: 20 }],
    ['has the higher priority where all else is equal', { priority: 2 }, { priority: 1 }],
  ])('%s', (_what, better, worse) => {
    const [best, other] = [fresh(better), fresh(worse)];
    expect(bestPair([best, other], undefined, NOW)).toBe(best);
    expect(bestPair([other, best], undefined, NOW)).toBe(best);
  });

  it('is none where nothing is proven; what is in use stays then', () => {
    const pair = fresh({});
    expect(bestPair([], undefined, NOW)).toBeUndefined();
    expect(bestPair([], { pair, sinceMs: 0, suspectForMs: undefined }, NOW)).toBe(pair);
  });
});

interface Trusted {
  readonly inUse: SamplePair;
  readonly rival: SamplePair;
  /** For how long the one in use has been that. */
  readonly usedMs?: number;
}

describe('a trusted pair in use', () => {
  it.each<[string, Trusted, 'stays' | 'yields']>([
    ['yields to a better tier at once', { inUse: punched, rival: {}, usedMs: 0 }, 'yields'],
    ['yields to fewer relays at once', { inUse: twiceRelayed, rival: relayed, usedMs: 0 }, 'yields'],
    [
      'yields to one as good at once where its relay goes',
      { inUse: { ...relayed, retiring: true }, rival: relayed, usedMs: 0 },
      'yields',
    ],
    ['stays before a worse tier, however fast', { inUse: { rttMs: 300 }, rival: { ...punched, rttMs: 1 } }, 'stays'],
    ['that is lossy yields to a clean relay at once', { inUse: { lossy: true }, rival: relayed, usedMs: 0 }, 'yields'],
    ['stays before a lossy one of a better tier', { inUse: relayed, rival: { lossy: true } }, 'stays'],
    ['yields to a much faster one after a minute', { inUse: { rttMs: 100 }, rival: { rttMs: 80 } }, 'yields'],
    ['and not before', { inUse: { rttMs: 100 }, rival: { rttMs: 10 }, usedMs: 59_999 }, 'stays'],
    ['stays before one faster by less than 20 %', { inUse: { rttMs: 100 }, rival: { rttMs: 81 } }, 'stays'],
    ['stays before one faster by less than 10 ms', { inUse: { rttMs: 20 }, rival: { rttMs: 11 } }, 'stays'],
    ['stays before IPv6 that is no faster', { inUse: {}, rival: { base: 'udp6' } }, 'stays'],
    [
      'stays before a faster one that was last heard more than 30 s ago',
      { inUse: { rttMs: 100 }, rival: { rttMs: 10, heardAt: NOW - 30_001 } },
      'stays',
    ],
    ['yields to any that is proven where it is not', { inUse: { failed: true }, rival: twiceRelayed }, 'yields'],
  ])('%s', (_what, { inUse, rival, usedMs = 60_000 }, end) => {
    const [pair, other] = [fresh(inUse), fresh(rival)];
    const proven = [pair, other].filter(({ state }) => state === 'succeeded');
    const choice = bestPair(proven, { pair, sinceMs: NOW - usedMs, suspectForMs: undefined }, NOW);
    expect(choice === pair ? 'stays' : 'yields').toBe(end);
  });
});

interface Suspect {
  readonly inUse: SamplePair;
  readonly rival: SamplePair;
  readonly forMs: number;
}

describe('a suspect pair in use', () => {
  it.each<[string, Suspect, 'stays' | 'yields']>([
    ['yields to a better one at once', { inUse: punched, rival: {}, forMs: 0 }, 'yields'],
    ['yields to one as good after a second', { inUse: {}, rival: {}, forMs: 1000 }, 'yields'],
    ['and not before: one lost probe is no reason', { inUse: {}, rival: {}, forMs: 999 }, 'stays'],
    ['yields to one as good at once where the network changed', { inUse: {}, rival: {}, forMs: Infinity }, 'yields'],
    ['does not yield to a worse one', { inUse: {}, rival: relayed, forMs: 2999 }, 'stays'],
    ['that has failed yields to any', { inUse: { failed: true }, rival: relayed, forMs: 0 }, 'yields'],
    ['that has failed yields to one as good at once', { inUse: { failed: true }, rival: {}, forMs: 0 }, 'yields'],
  ])('%s', (_what, { inUse, rival, forMs }, end) => {
    const [pair, other] = [fresh(inUse), fresh(rival)];
    const choice = bestPair([other], { pair, sinceMs: 0, suspectForMs: forMs }, NOW);
    expect(choice === pair ? 'stays' : 'yields').toBe(end);
  });
});

describe('what the controlling side has marked', () => {
  it.each<[string, SamplePair, SamplePair, boolean]>([
    ['is followed within a tier', { rttMs: 300 }, { rttMs: 10 }, true],
    ['is followed to a better tier', {}, punched, true],
    ['is not followed to a worse tier', relayed, {}, false],
    ['is not followed onto a path that loses', { lossy: true }, {}, false],
    ['is not followed onto a relay that goes', { ...relayed, retiring: true }, relayed, false],
    ['is followed from one relay that goes to another', relayed, { ...relayed, retiring: true }, true],
    ['is followed from one lossy path to another', { lossy: true }, { lossy: true }, true],
  ])('%s', (_what, nominated, own, follows) => {
    expect(mayFollow(fresh(nominated), fresh(own))).toBe(follows);
  });
});
