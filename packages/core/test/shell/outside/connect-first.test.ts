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
