import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { Allocation, Relay } from '../../../src/contracts/relay.js';
import { silentLogger } from '../../../src/base/logging/memory-logger.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { RelayPlugins } from '../../../src/shell/plugins/relay-plugins.js';
import type { DriverEvent } from '../../../src/shell/driver/events.js';

/** A relay whose server can be told to fail, and whose allocations can be lost. */
class TestRelay implements Relay {
  readonly servers = [{ url: 'turn:relay.test:3478', transport: 'udp' }] as const;
  readonly log: string[] = [];
  failure: Error | undefined;
  lose: ((reason: Error) => void) | undefined;

  async allocate(): Promise<Allocation> {
    if (this.failure !== undefined) throw this.failure;
    this.log.push('allocate');
    return {
      id: 'a1',
      server: this.servers[0],
      relayedAddress: transportAddress('198.51.100.1', 50000),
      mappedAddress: transportAddress('203.0.113.5', 40001),
      rttMs: 5,
      permit: async (peer) => {
        if (peer.ip === '10.0.0.1') throw new Error('403 Forbidden');
        return { kind: 'stream', allocationId: 'a1', send: () => undefined };
      },
      release: (peer) => void this.log.push(`release ${peer.ip}`),
      refresh: async () => this.log.push('refresh') > 0,
      onLost: (listener) => {
        this.lose = listener;
        return { [Symbol.dispose]: () => (this.lose = undefined) };
      },
      close: async () => void this.log.push('close'),
    };
  }
}

async function started(relay: TestRelay & Pick<Relay, 'probe'> = new TestRelay()) {
  const clock = new FakeClock();
  const events: DriverEvent[] = [];
  const abort = new AbortController();
  const relays = new RelayPlugins([{ plugin: 'relay', instance: relay }], {
    clock,
    logger: silentLogger(),
    datagrams: () => undefined,
    onEvent: (event) => void events.push(event),
  });
  relays.start(abort.signal);
  const on = { plugin: 'relay', server: relay.servers[0], canProbe: relay.probe !== undefined };
  const take = () => events.splice(0);
  expect(take()).toMatchObject([{ type: 'relay-servers', servers: [on] }]);
  relays.perform({ type: 'allocate', on });
  await clock.advance(0);
  return { relay, relays, clock, take, on, abort };
}

const pathTo = (ip: string) => ({ baseId: 'a1', remote: transportAddress(ip, 51820) });

describe('relays', () => {
  it('tell an allocation, with the address that peers are told, and its loss', async () => {
    const { relay, take, clock } = await started();
    const relayedAddress = transportAddress('198.51.100.1', 50000);
    expect(take()).toMatchObject([{ type: 'allocated', allocation: { relayedAddress }, atMs: clock.unixMs() }]);
    relay.lose?.(new Error('437 Allocation Mismatch'));
    const failure = { reason: '437 Allocation Mismatch', answered: false };
    expect(take()).toEqual([{ type: 'allocation-lost', allocationId: 'a1', failure }]);
    expect(relay.lose).toBeUndefined();
  });

  it('tell why there is none, and whether the server was heard', async () => {
    const relay = new TestRelay();
    relay.failure = Object.assign(new Error('486 Allocation Quota Reached'), { answered: true });
    const { take, on } = await started(relay);
    const failure = { reason: '486 Allocation Quota Reached', answered: true };
    expect(take()).toEqual([{ type: 'allocation-failed', on, failure }]);
  });

  it('refuse one peer without touching another', async () => {
    const { relays, take, clock } = await started();
    take();
    relays.perform({ type: 'permit', peer: 'B', path: pathTo('203.0.113.9') });
    relays.perform({ type: 'permit', peer: 'C', path: pathTo('10.0.0.1') });
    await clock.advance(0);
    expect(take()).toMatchObject([
      { type: 'permission', peer: 'B', granted: { kind: 'stream' } },
      { type: 'permission', peer: 'C', granted: { error: '403 Forbidden' } },
    ]);
  });

  it('answer for an allocation that is gone', async () => {
    const { relays, take, clock } = await started();
    relays.perform({ type: 'close-allocation', allocationId: 'a1' });
    take();
    relays.perform({ type: 'permit', peer: 'B', path: pathTo('203.0.113.9') });
    await clock.advance(0);
    expect(take()).toMatchObject([{ type: 'permission', granted: { error: 'the allocation is gone' } }]);
  });

  it('renew and release what stands', async () => {
    const { relay, relays } = await started();
    relays.perform({ type: 'renew-allocations' });
    await Promise.resolve();
    relays.perform({ type: 'release', path: pathTo('203.0.113.9') });
    expect(relay.log).toEqual(['allocate', 'refresh', 'release 203.0.113.9']);
  });

  it('that stop give up all servers, and wait for what is closed then; no timer stays', async () => {
    const { relay, relays, take, clock } = await started();
    take();
    const stopped = relays.stop();
    expect(take()).toEqual([{ type: 'relay-servers', servers: [] }]);
    relays.perform({ type: 'close-allocation', allocationId: 'a1' });
    await stopped;
    expect(relay.log).toEqual(['allocate', 'close']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('an allocation that comes after the end is closed', async () => {
    const relay = new TestRelay();
    let answer = () => {};
    const allocate = () =>
      new Promise<void>((resolve) => (answer = resolve)).then(() => TestRelay.prototype.allocate.call(relay));
    const { abort, clock, take } = await started(Object.assign(relay, { allocate }));
    abort.abort();
    answer();
    await clock.advance(0);
    expect(take()).toEqual([]);
    expect(relay.log).toEqual(['allocate', 'close']);
  });

  describe('that can be asked without allocating', () => {
    async function probing(probe: NonNullable<Relay['probe']>) {
      const here = await started(Object.assign(new TestRelay(), { probe }));
      here.take();
      here.relays.perform({ type: 'probe-relay', on: here.on });
      await here.clock.advance(0);
      return here;
    }

    it('say their round trip', async () => {
      const { take, on, clock } = await probing(async () => 12);
      expect(take()).toEqual([{ type: 'relay-probed', on, rttMs: 12 }]);
      expect(clock.pendingTimers).toBe(0);
    });

    it('say why there is none, and whether the server was heard', async () => {
      const refusal = Object.assign(new Error('403 Forbidden'), { answered: true });
      const { take, on } = await probing(() => Promise.reject(refusal));
      const failure = { reason: '403 Forbidden', answered: true };
      expect(take()).toEqual([{ type: 'relay-probe-failed', on, failure }]);
    });

    it('are taken at a figure only', async () => {
      const { take, relays } = await probing(async () => NaN);
      const reason = 'relay: probe: expected a round trip in ms, found NaN';
      expect(take()).toMatchObject([{ type: 'relay-probe-failed', failure: { reason } }]);
      expect(relays.problems()).toMatchObject([expect.stringContaining('the round trip to turn:relay.test:3478')]);
    });

    it('have five seconds for it, and are told then to give up', async () => {
      let given: AbortSignal | undefined;
      const { take, clock } = await probing((_server, { signal }) => {
        given = signal;
        return new Promise(() => {});
      });
      await clock.advance(4999);
      expect(take()).toEqual([]);
      expect(given?.aborted).toBe(false);
      await clock.advance(1);
      expect(take()).toMatchObject([{ type: 'relay-probe-failed', failure: { answered: false } }]);
      expect(given?.aborted).toBe(true);
    });

    it('are not asked on at the end of the run, which nobody hears of', async () => {
      let given: AbortSignal | undefined;
      const { take, clock, abort } = await probing((_server, { signal }) => {
        given = signal;
        return new Promise(() => {});
      });
      abort.abort();
      await clock.advance(0);
      expect(take()).toEqual([]);
      expect(given?.aborted).toBe(true);
    });
  });
});
