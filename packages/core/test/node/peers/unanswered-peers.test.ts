import { describe, expect, it } from 'vitest';
import { UnansweredPeers } from '../../../src/node/peers/unanswered-peers.js';

/** Looks each second; the times, in s, at which a name is looked up. */
function lookups(seconds: number, isAnswering: (second: number) => boolean, peers = new UnansweredPeers()): number[] {
  const times = Array.from({ length: seconds }, (_, second) => second);
  return times.filter((second) => peers.isDue('b', isAnswering(second), second * 1000));
}

describe('names of plain peers are looked up again', () => {
  it.each([
    ['never where the peer answers', 900, () => true, []],
    ['first after three handshakes, then more and more seldom', 700, () => false, [15, 45, 105, 225, 465]],
    ['at most each five minutes', 1400, () => false, [15, 45, 105, 225, 465, 765, 1065, 1365]],
    ['from the start again after an answer', 140, (second: number) => second === 50, [15, 45, 66, 96]],
    ['not for a moment without one', 60, (second: number) => second % 10 === 0, []],
  ])('%s', (_, seconds, isAnswering, expected) => {
    expect(lookups(seconds, isAnswering)).toEqual(expected);
  });

  it('at once when the rc file was read again', () => {
    const peers = new UnansweredPeers();
    lookups(300, () => false, peers);
    expect(peers.isDue('b', false, 301_000)).toBe(false);
    peers.hurry(302_000);
    expect(peers.isDue('b', false, 302_000)).toBe(true);
    expect(peers.isDue('answering', true, 302_000)).toBe(false);
  });
});
