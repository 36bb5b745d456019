import { transportAddress } from '@wirepath/core/plugin';
import {
  NATS,
  SeededRandom,
  VirtualDatagrams,
  VirtualNetwork,
  VirtualStunServer,
  VirtualTime,
} from '@wirepath/testkit';
import { describe, expect, it } from 'vitest';
import { learnBindingLifetime } from '../src/binding-lifetime.js';
import { StunClient } from '../src/stun-client.js';

const SERVER = transportAddress('203.0.113.10', 3478);

/** A node behind a NAT that forgets after so long, and a STUN server. */
function behindNat(lifetimeMs: number) {
  const clock = new VirtualTime();
  const network = new VirtualNetwork({ clock });
  const lan = network.lan('home');
  network.router({ inside: lan, ip: '198.51.100.1', nat: { ...NATS.portRestricted, lifetimeMs } });
  new VirtualStunServer(network.host({ ips: [SERVER.ip] }), SERVER);
  const datagrams = new VirtualDatagrams(network.host({ on: lan, ips: ['192.168.1.2'] }));
  const client = new StunClient({ datagrams, clock, random: new SeededRandom(1) });
  const abort = new AbortController();
  const learning = learnBindingLifetime({ client, datagrams, clock, server: SERVER, signal: abort.signal });
  return { clock, datagrams, abort, learning };
}

describe('the lifetime of a binding', () => {
  it.each([
    [7000, 5000],
    [15_000, 10_000],
    [30_000, 20_000],
    [60_000, 40_000],
    [300_000, 160_000],
  ])('of %i ms is known to be %i ms at least, and no spare socket is left', async (lifetimeMs, learntMs) => {
    const { clock, datagrams, learning } = behindNat(lifetimeMs);
    await clock.advance(400_000);
    await expect(learning).resolves.toBe(learntMs);
    expect(datagrams.bases.every(({ shared }) => shared)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is not waited for once nobody wants it', async () => {
    const { clock, datagrams, abort, learning } = behindNat(30_000);
    await clock.advance(15_000);
    abort.abort();
    await clock.advance(100);
    await expect(learning).resolves.toBe(10_000);
    expect(datagrams.bases.every(({ shared }) => shared)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });
});
