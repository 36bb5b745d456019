import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { Allocation, Relay, RelayServer } from '../../../src/contracts/relay.js';
import { silentLogger } from '../../../src/base/logging/memory-logger.js';
import { Allocations } from '../../../src/shell/driver/allocations.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';

/** A relay whose server can be told to fail, and whose allocations can be lost. */
class TestRelay implements Relay {
  readonly servers = [{ url: 'turn:relay.test:3478', transport: 'udp' }] as const;
  readonly log: string[] = [];
  failing = false;
  lose: ((reason: Error) => void) | undefined;
  #count = 0;

  async allocate(): Promise<Allocation> {
    if (this.failing) throw new Error('no answer');
    const id = `allocation-${this.#count++}`;
    this.log.push(`allocate ${id}`);
    return {
      id,
      server: this.servers[0],
      relayedAddress: transportAddress('198.51.100.1', 50000 + this.#count),
      mappedAddress: transportAddress('203.0.113.5', 40001),
      rttMs: 5,
      permit: async (peer) => {
        if (peer.ip === '10.0.0.1') throw new Error('403 Forbidden');
        return { kind: 'stream', allocationId: id, send: () => undefined };
      },
      release: () => undefined,
      refresh: async () => true,
      onLost: (listener) => {
        this.lose = listener;
        return { [Symbol.dispose]: () => undefined };
      },
      close: async () => void this.log.push(`close ${id}`),
    };
  }
}

async function started(relay = new TestRelay()) {
  const clock = new FakeClock();
  let changes = 0;
  const allocations = new Allocations([{ plugin: 'relay', instance: relay }], {
    clock,
    logger: silentLogger(),
    datagrams: () => undefined,
    onChange: () => (changes += 1),
  });
  allocations.start(new AbortController().signal);
  await clock.advance(0);
  return { relay, clock, allocations, changes: () => changes };
}

describe('allocations', () => {
  it('keep nothing for a peer that was released before the relay has answered', async () => {
    const { allocations } = await started();
    const peer = transportAddress('192.0.2.7', 51820);
    const permitted = allocations.permit('allocation-0', peer);
    allocations.release('allocation-0', peer);
    await permitted;
    expect(allocations.framing('allocation-0', peer)).toBeUndefined();
    await allocations.permit('allocation-0', peer);
    expect(allocations.framing('allocation-0', peer)).toBeDefined();
  });

  it('become a base, a relayed candidate and a reflexive one', async () => {
    const { allocations, changes } = await started();
    expect(allocations.bases()).toEqual([{ id: 'allocation-0', family: 4, kind: 'allocation' }]);
    expect(
      allocations
        .candidates()
        .get('relay')
        ?.map(({ type }) => type),
    ).toEqual(['relayed', 'server-reflexive']);
    expect(changes()).toBe(1);
  });

  it('what peers are told is the relayed address, not one of this machine', async () => {
    const { allocations } = await started();
    expect(allocations.candidates().get('relay')?.[0]?.address).toEqual(transportAddress('198.51.100.1', 50001));
  });

  it('are made again when lost, later and later while the server fails', async () => {
    const { allocations, relay, clock } = await started();
    relay.failing = true;
    relay.lose?.(new Error('437 Allocation Mismatch'));
    expect(allocations.states()[0]).toMatchObject({ state: 'down', error: '437 Allocation Mismatch' });
    await clock.advance(1500);
    expect(allocations.states()[0]).toMatchObject({ state: 'down', error: 'no answer' });
    relay.failing = false;
    await clock.advance(2500);
    expect(allocations.states()[0]).toMatchObject({ state: 'up', error: undefined });
  });

  it('refuse one peer without touching another', async () => {
    const { allocations } = await started();
    const good = transportAddress('203.0.113.9', 51820);
    await allocations.permit('allocation-0', good);
    await expect(allocations.permit('allocation-0', transportAddress('10.0.0.1', 1))).rejects.toThrow('403');
    expect(allocations.framing('allocation-0', good)).toBeDefined();
  });

  it('are closed by stop, and no timer stays', async () => {
    const { allocations, relay, clock } = await started();
    await allocations.stop();
    expect(relay.log).toEqual(['allocate allocation-0', 'close allocation-0']);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('allocations, where the list of servers has changed', () => {
  it('are kept on servers that are the same, given up on others and made on new ones', async () => {
    const log: string[] = [];
    const [stays, goes, comes] = ['stays', 'goes', 'comes'].map(
      (name) => ({ url: `turn:${name}:3478`, transport: 'udp' }) as const,
    );
    let servers: RelayServer[] = [stays, goes].filter((server) => server !== undefined);
    let count = 0;
    const relay: Relay = {
      get servers() {
        return servers;
      },
      allocate: async (server) => {
        log.push(`allocate ${server.url}`);
        return {
          ...(await new TestRelay().allocate()),
          id: `${server.url}#${count++}`,
          server,
          close: async () => void log.push(`close ${server.url}`),
        };
      },
    };
    const clock = new FakeClock();
    const allocations = new Allocations([{ plugin: 'relay', instance: relay }], {
      clock,
      logger: silentLogger(),
      datagrams: () => undefined,
      onChange: () => undefined,
    });
    allocations.start(new AbortController().signal);
    await clock.advance(0);
    servers = [stays, comes].filter((server) => server !== undefined);
    allocations.renew();
    await clock.advance(0);
    expect(log).toEqual([
      'allocate turn:stays:3478',
      'allocate turn:goes:3478',
      'close turn:goes:3478',
      'allocate turn:comes:3478',
    ]);
    expect(allocations.states()).toMatchObject([
      { url: 'turn:stays:3478', state: 'up' },
      { url: 'turn:comes:3478', state: 'up' },
    ]);
  });
});
