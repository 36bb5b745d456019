import { describe, expect, it } from 'vitest';
import { PlainPeers } from '../../../src/node/peers/plain-peers.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';

function watched(count: number) {
  const clock = new FakeClock();
  const looks: string[] = [];
  const peers = new PlainPeers(clock, (publicKey) => looks.push(publicKey));
  peers.start();
  for (let i = 0; i < count; i++) peers.add(`peer ${i}`);
  return { clock, peers, take: () => looks.splice(0) };
}

describe('plain peers', () => {
  it('are looked at when they come, at a handshake, and when its session has run out', async () => {
    const { clock, peers, take } = watched(5000);
    expect(take()).toHaveLength(5000);
    peers.handshake('peer 7', 180_000);
    expect(take()).toEqual(['peer 7']);
    await clock.advance(179_000);
    take();
    await clock.advance(1000);
    expect(take()[0]).toBe('peer 7');
  });

  it('are all looked at in turn, so that a second of ten thousand costs no more than one of a few hundred', async () => {
    const { clock, peers, take } = watched(1000);
    take();
    await clock.advance(1000);
    const first = take();
    expect(first).toHaveLength(200);
    peers.remove('peer 999');
    const rest: string[] = [];
    for (let i = 0; i < 4; i++) {
      await clock.advance(1000);
      rest.push(...take());
    }
    expect(new Set([...first, ...rest]).size).toBe(999);
  });

  it('are each looked at every second where they are few, and no more once stopped', async () => {
    const { clock, peers, take } = watched(3);
    take();
    await clock.advance(1000);
    expect(take()).toHaveLength(3);
    peers.stop();
    await clock.advance(5000);
    expect(take()).toEqual([]);
  });
});
