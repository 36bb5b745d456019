import { describe, expect, it, onTestFinished } from 'vitest';
import type { PeerChange, PeerDiscovery } from '../../../src/contracts/peer-discovery.js';
import { createIdentity } from '../../../src/base/identity/create-identity.js';
import { parsePrivateKey } from '../../../src/base/identity/keys.js';
import { memoryLogger } from '../../../src/base/logging/memory-logger.js';
import { PeerDiscoveries } from '../../../src/shell/peers/peer-discoveries.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { OTHER_PEER_KEY, PEER_KEY, PRIVATE_KEY, PUBLIC_KEY } from '../../rc-file/rc-folder.js';

const set = (name: string, publicKey: string, more: object = {}): PeerChange => ({
  kind: 'set',
  peer: { name, publicKey, allowedIps: [], keepaliveSeconds: 25, ...more },
});

/** Yields these, whatever they are, and then waits as a discovery does. */
const lasting = (...changes: readonly unknown[]): PeerDiscovery => ({
  async *peers({ signal }) {
    for (const change of changes) yield change as PeerChange;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  },
});

function follow(discoveries: Readonly<Record<string, PeerDiscovery>>) {
  const clock = new FakeClock();
  const logger = memoryLogger();
  const names = new Map<string, string>();
  const following = new PeerDiscoveries({
    discoveries: [
      { plugin: 'rc file', instance: lasting(set('rc', OTHER_PEER_KEY)) },
      ...Object.entries(discoveries).map(([plugin, instance]) => ({ plugin, instance })),
    ],
    sink: { set: (peer) => names.set(peer.publicKey, peer.name), remove: (key) => names.delete(key) },
    identity: createIdentity(parsePrivateKey(PRIVATE_KEY)),
    clock,
    logger,
  });
  following.start();
  onTestFinished(() => following.stop());
  return { clock, logger, following, names: () => [...names.values()] };
}

describe('a discovery with a bad peer', () => {
  it.each<[string, unknown]>([
    ['without allowed IPs', set('bad', PEER_KEY, { allowedIps: undefined })],
    ['that is nothing', undefined],
    ['of another’s key', set('bad', OTHER_PEER_KEY)],
    [
      'with a getter that throws',
      {
        kind: 'set',
        get peer(): never {
          throw new Error('no');
        },
      },
    ],
    ['removed that nobody knows', { kind: 'remove', publicKey: PEER_KEY }],
  ])('%s goes on, and tells of it', async (_, bad) => {
    const { clock, following, logger, names } = follow({ '@x/registry': lasting(bad, set('good', PEER_KEY)) });
    await clock.advance(0);
    expect(names()).toEqual(['rc', 'good']);
    expect(following.counters()['refused.@x/registry: peer']).toBe(1);
    expect(logger.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', message: expect.stringMatching(/^@x\/registry: .* is refused: /) }),
    );
  });

  it('says so in problems, with a cure, until it is corrected', async () => {
    let correct = () => {};
    const corrected = new Promise<void>((resolve) => (correct = resolve));
    const discovery: PeerDiscovery = {
      async *peers() {
        yield set('bad', PEER_KEY, { allowedIps: ['10.0.0.0/99'] });
        await corrected;
        yield set('bad', PEER_KEY);
        await new Promise(() => undefined);
      },
    };
    const { clock, following } = follow({ '@x/registry': discovery });
    await clock.advance(0);
    expect(following.problems()).toEqual([
      `@x/registry: peer "bad" (${PEER_KEY}) is refused: expected CIDRs in \`allowedIps\`, found "10.0.0.0/99"; the others are taken: correct this peer where @x/registry has it from`,
    ]);
    correct();
    await clock.advance(0);
    expect(following.problems()).toEqual([]);
  });

  it('with thousands of them logs once and keeps few lines', async () => {
    const bad = Array.from({ length: 3000 }, (_, index) => set(`bad${index}`, 'x'));
    const { clock, following, logger } = follow({ '@x/registry': lasting(...bad) });
    for (let turn = 0; turn < 100; turn++) await clock.advance(0);
    expect(following.counters()['refused.@x/registry: peer']).toBe(3000);
    expect(following.problems()).toHaveLength(6);
    expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('skips our own key without a problem', async () => {
    const { clock, following, names } = follow({
      '@x/registry': lasting(set('me', PUBLIC_KEY), set('good', PEER_KEY), { kind: 'remove', publicKey: PUBLIC_KEY }),
    });
    await clock.advance(0);
    expect(names()).toEqual(['rc', 'good']);
    expect(following.problems()).toEqual([]);
    expect(following.counters()['refused.@x/registry: peer']).toBe(0);
  });
});

describe('a discovery that stops', () => {
  const failing = (times: number): PeerDiscovery & { calls: number } => ({
    calls: 0,
    async *peers({ signal }) {
      this.calls += 1;
      if (this.calls <= times) throw new Error('the registry is down');
      yield* lasting(set('good', PEER_KEY)).peers({ signal });
    },
  });

  it('by throwing is named, and asked again later; the rc file and the others go on', async () => {
    const discovery = failing(2);
    const { clock, following, names } = follow({ '@x/registry': discovery, '@y/lan': lasting(set('lan', PUBLIC_KEY)) });
    await clock.advance(0);
    expect(following.problems()).toEqual([
      expect.stringContaining('@x/registry: peer discovery stopped: the registry is down'),
    ]);
    await clock.advance(1000);
    expect(discovery.calls).toBe(2);
    await clock.advance(2000);
    expect(names()).toEqual(['rc', 'good']);
    expect(following.problems()).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ['by ending', async function* () {}],
    ['because it is no iterable', () => ({})],
    ['because it gives nothing', () => undefined],
    ['because its iterator gives garbage', () => ({ [Symbol.asyncIterator]: () => ({ next: async () => 7 }) })],
    [
      'by throwing what is no error',
      () => {
        throw Object.create(null);
      },
    ],
  ])('%s is named', async (_, peers) => {
    const { clock, following, names } = follow({ '@x/registry': { peers } as unknown as PeerDiscovery });
    await clock.advance(0);
    expect(following.problems()).toEqual([expect.stringContaining('@x/registry: peer discovery stopped: ')]);
    expect(names()).toEqual(['rc']);
  });

  it('is asked less and less often, and no more after the end', async () => {
    const discovery = failing(1000);
    const { clock, following } = follow({ '@x/registry': discovery });
    await clock.advance(3_600_000);
    expect(discovery.calls).toBeGreaterThan(10);
    expect(discovery.calls).toBeLessThan(30);
    following.stop();
    await clock.advance(3_600_000);
    expect(discovery.calls).toBeLessThan(30);
    expect(clock.pendingTimers).toBe(0);
  });

  it('never, yielding without end or pause, keeps nobody else from running', async () => {
    const endless: PeerDiscovery = {
      async *peers({ signal }) {
        while (!signal.aborted) yield set('a', PEER_KEY);
      },
    };
    const { following } = follow({ '@x/registry': endless });
    const turn = await new Promise<string>((resolve) => setTimeout(() => resolve('our turn'), 5));
    following.stop();
    expect(turn).toBe('our turn');
  });
});
