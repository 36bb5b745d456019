import { FakeClock, transportAddress } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import { Mishaps } from '../../src/events/mishaps.js';

const nameOf = (publicKey: string) => (publicKey === 'B' ? 'b' : undefined);
const from = transportAddress('192.0.2.7', 4711);

describe('what went wrong with handshakes', () => {
  it.each([
    ['other-key', undefined, '192.0.2.7:4711 sends handshakes for another public key'],
    ['unknown-peer', 'S', 'S calls this node from 192.0.2.7:4711, and is no peer here'],
    ['stale-timestamp', 'B', 'b: its handshakes are older than one that it sent before'],
    ['preshared-key', 'B', 'b: its answers to our handshakes cannot be opened: presharedKey'],
  ] as const)('is told with its cure: %s', (why, publicKey, sentence) => {
    const mishaps = new Mishaps(new FakeClock(), nameOf);
    mishaps.handshakeRefused(why, publicKey, from);
    expect(mishaps.problems()).toEqual([expect.stringContaining(sentence)]);
    if (publicKey === undefined) return;
    mishaps.shookHands(publicKey);
    expect(mishaps.problems()).toEqual([]);
  });

  it('by strangers crowds out nobody else', () => {
    const mishaps = new Mishaps(new FakeClock(), nameOf);
    mishaps.handshakeRefused('preshared-key', 'B', from);
    for (let i = 0; i < 1000; i++) mishaps.handshakeRefused('unknown-peer', `S${i}`, from);
    expect(mishaps.problems()[0]).toContain('b: its answers');
    expect(mishaps.problems().length).toBeLessThan(8);
  });
});

describe('packets that no peer has the destination of', () => {
  const to = (...destination: number[]) => Uint8Array.of(0x45, ...Array<number>(15).fill(0), ...destination);
  it('are told, but for those to groups and to everybody', () => {
    const mishaps = new Mishaps(new FakeClock(), nameOf);
    for (const packet of [to(224, 0, 0, 251), to(10, 77, 0, 255), to(255, 255, 255, 255)]) mishaps.noPeerFor(packet);
    expect(mishaps.problems()).toEqual([]);
    mishaps.noPeerFor(to(10, 77, 0, 9));
    expect(mishaps.problems()).toEqual([expect.stringContaining('packets to 10.77.0.9 are dropped')]);
  });
});

describe('datagrams of ours that come out of our own interface', () => {
  it('are told, with what to ask the system', () => {
    const mishaps = new Mishaps(new FakeClock(), nameOf);
    mishaps.looped(Uint8Array.of(0x45, ...Array<number>(15).fill(0), 203, 0, 113, 2), 0x57);
    expect(mishaps.problems()).toEqual([
      expect.stringMatching(
        /^datagrams of ours to 203\.0\.113\.2 are sent into the tunnel .*ip route get 203\.0\.113\.2 mark 0x57/,
      ),
    ]);
  });
});

describe('what went wrong with datagrams', () => {
  it.each([
    [Uint8Array.of(10, 77, 0, 9), 'b sends packets from 10.77.0.9, which'],
    [Uint8Array.from([0xfd, 0x12, ...Array<number>(13).fill(0), 5]), 'b sends packets from fd12::5, which'],
  ])('names the peer and the address that its packets say they come from: %s', (source, sentence) => {
    const mishaps = new Mishaps(new FakeClock(), nameOf);
    for (let i = 0; i < 3; i++) mishaps.sourceNotAllowed('B', source);
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
    const mishaps = new Mishaps(clock, nameOf);
    mishaps.sendFailed(code);
    expect(mishaps.problems()).toEqual([expect.stringMatching(sentence)]);
    await clock.advance(180_000);
    expect(mishaps.problems()).toEqual([]);
  });

  it.each(['ENETUNREACH', 'EHOSTUNREACH', undefined])('has no advice where networks just come and go: %s', (code) => {
    const mishaps = new Mishaps(new FakeClock(), nameOf);
    mishaps.sendFailed(code);
    expect(mishaps.problems()).toEqual([]);
  });
});
