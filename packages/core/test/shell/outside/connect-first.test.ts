import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { transportAddress as at, type TransportAddress } from '@wirepath/stun-codec';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { connectFirst } from '../../../src/shell/outside/connect-first.js';

class FakeSocket extends EventEmitter {
  destroyed = false;
  connect(): void {}
  destroy(): void {
    this.destroyed = true;
  }
}

function setUp(addresses: readonly TransportAddress[]) {
  const clock = new FakeClock();
  const abort = new AbortController();
  const tried: string[] = [];
  const sockets = new Map<string, FakeSocket>();
  const openTcp = ({ ip }: TransportAddress) => {
    tried.push(`${clock.now()} ${ip}`);
    const socket = new FakeSocket();
    sockets.set(ip, socket);
    return socket as unknown as Socket;
  };
  const connecting = connectFirst(addresses, { openTcp, clock, signal: abort.signal });
  connecting.catch(() => undefined);
  return { clock, abort, tried, sockets, connecting };
}

describe('connecting to the first of several addresses', () => {
  const addresses = [at('192.0.2.1', 1), at('192.0.2.2', 1), at('2001:db8::1', 1)];

  it('tries the families in turn, a quarter of a second apart, and gives up the others', async () => {
    const { clock, tried, sockets, connecting } = setUp(addresses);
    await clock.advance(600);
    const start = Number(tried[0]?.split(' ')[0]);
    expect(tried).toEqual([`${start} 192.0.2.1`, `${start + 250} 2001:db8::1`, `${start + 500} 192.0.2.2`]);
    sockets.get('2001:db8::1')?.emit('connect');
    expect(await connecting).toBe(sockets.get('2001:db8::1'));
    expect([...sockets.values()].map(({ destroyed }) => destroyed)).toEqual([true, false, true]);
    expect(clock.pendingTimers).toBe(0);
    // One that was given up may fail yet: nobody is to hear of it.
    expect(() => sockets.get('192.0.2.1')?.emit('error', new Error('late'))).not.toThrow();
  });

  it.each([
    [
      ['4', '4', '6', '6'],
      ['4', '6', '4', '6'],
    ],
    [
      ['6', '4', '4', '4'],
      ['6', '4', '4', '4'],
    ],
    [
      ['4', '6', '6', '6'],
      ['4', '6', '6', '6'],
    ],
    [
      ['4', '4', '4'],
      ['4', '4', '4'],
    ],
  ])('has the families take turns from the first on: of %j, %j', async (given, order) => {
    const seen = new Map<string, number>();
    const all = given.map((family) => {
      const n = (seen.get(family) ?? 0) + 1;
      seen.set(family, n);
      return at(family === '4' ? `192.0.2.${n}` : `2001:db8::${n}`, 1);
    });
    const { clock, tried } = setUp(all);
    for (let i = 0; i < all.length; i++) await clock.advance(250);
    const ips = tried.map((line) => line.split(' ')[1] ?? '');
    expect(ips.map((ip) => (ip.includes(':') ? '6' : '4'))).toEqual(order);
    expect(new Set(ips).size).toBe(all.length);
  });

  it('tries 16 addresses at most, for 10 s, and says that none answered in time', async () => {
    const { clock, tried, connecting, sockets } = setUp(
      Array.from({ length: 20 }, (_, i) => at(`192.0.2.${i + 1}`, 1)),
    );
    for (let i = 0; i < 39; i++) await clock.advance(250);
    expect(tried).toHaveLength(16);
    expect([...sockets.values()].some(({ destroyed }) => destroyed)).toBe(false);
    await clock.advance(250);
    await expect(connecting).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect([...sockets.values()].every(({ destroyed }) => destroyed)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('says what one failed with where the other is silent', async () => {
    const { clock, sockets, connecting } = setUp([at('192.0.2.1', 1), at('192.0.2.2', 1)]);
    sockets.get('192.0.2.1')?.emit('error', new Error('refused'));
    await clock.advance(10_000);
    await expect(connecting).rejects.toThrow('refused');
  });

  it('goes on at once where one fails, and tells all failures', async () => {
    const { clock, tried, sockets, connecting } = setUp(addresses.slice(0, 2));
    sockets.get('192.0.2.1')?.emit('error', new Error('refused'));
    expect(tried).toHaveLength(2);
    sockets.get('192.0.2.2')?.emit('error', new Error('refused too'));
    await expect(connecting).rejects.toBeInstanceOf(AggregateError);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each(['an abort', 'silence'])('ends with %s, and leaves nothing open', async (what) => {
    const { clock, abort, sockets, connecting } = setUp(addresses);
    if (what === 'silence') await clock.advance(10_001);
    else abort.abort();
    await expect(connecting).rejects.toThrow();
    expect([...sockets.values()].every(({ destroyed }) => destroyed)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });
});
