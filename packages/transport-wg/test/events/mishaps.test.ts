import { FakeClock } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import { Mishaps } from '../../src/events/mishaps.js';

describe('what went wrong with datagrams', () => {
  it.each([
    [Uint8Array.of(10, 77, 0, 9), 'b sends packets from 10.77.0.9, which'],
    [Uint8Array.from([0xfd, 0x12, ...Array<number>(13).fill(0), 5]), 'b sends packets from fd12::5, which'],
  ])('names the peer and the address that its packets say they come from: %s', (source, sentence) => {
    const mishaps = new Mishaps(new FakeClock());
    for (let i = 0; i < 3; i++) mishaps.sourceNotAllowed('B', 'b', source);
    expect(mishaps.problems()).toEqual([expect.stringContaining(sentence)]);
    mishaps.forget('B');
    expect(mishaps.problems()).toEqual([]);
  });

  it.each([
    ['EPERM', /^a firewall on this machine/],
    ['EACCES', /forbids datagrams of ours/],
    ['EMSGSIZE', /lower mtu/],
    ['ENOBUFS', /takes no more datagrams/],
  ])('says what to do about %s, for as long as it goes on', async (code, sentence) => {
    const clock = new FakeClock();
    const mishaps = new Mishaps(clock);
    mishaps.sendFailed(code);
    expect(mishaps.problems()).toEqual([expect.stringMatching(sentence)]);
    await clock.advance(180_000);
    expect(mishaps.problems()).toEqual([]);
  });

  it.each(['ENETUNREACH', 'EHOSTUNREACH', undefined])('has no advice where networks just come and go: %s', (code) => {
    const mishaps = new Mishaps(new FakeClock());
    mishaps.sendFailed(code);
    expect(mishaps.problems()).toEqual([]);
  });
});
