import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { EdgeGuard } from '../../src/base/guard/edge-guard.js';
import { PluginPhases } from '../../src/base/guard/plugin-phases.js';
import { createIdentity } from '../../src/base/identity/create-identity.js';
import { memoryLogger } from '../../src/base/logging/memory-logger.js';
import { FakeClock } from '../../src/base/time/fake-clock.js';
import type { CandidateSource } from '../../src/contracts/candidate-source.js';
import type { Peer } from '../../src/contracts/peer-discovery.js';
import type { Relay } from '../../src/contracts/relay.js';
import type { Signaling } from '../../src/contracts/signaling.js';
import type { Transport } from '../../src/contracts/transport.js';
import type { NodeOutside } from '../../src/shell/outside/node-outside.js';
import type { TraversalSettings } from '../../src/shell/traversal-settings.js';
import { NatTraversal } from '../../src/shell/nat-traversal.js';
import { idleSignaling, idleTransport } from '../assembly/product/sample-product.js';
import { seededRandom } from '../engine/two-engines.js';

const SETTINGS: TraversalSettings = {
  enabled: true,
  holePunchTimeoutMs: 15_000,
  refreshIntervalMs: 60_000,
  maxCandidatePairs: 10,
  hardNat: true,
  upgradeTimeoutMs: 5000,
};
const NOTHING = { [Symbol.dispose]: () => undefined };
const KEY = createIdentity(Buffer.alloc(32, 9)).publicKey;
const ENDPOINT = transportAddress('198.51.100.9', 51_820);

const PEER: Peer = { name: 'p', publicKey: KEY, allowedIps: ['10.77.0.9/32'], keepaliveSeconds: 25 };

interface Setup {
  readonly source?: Partial<CandidateSource>;
  readonly signaling?: Signaling[];
  readonly settings?: Partial<TraversalSettings>;
  readonly ownsSocket?: boolean;
  readonly relays?: Relay[];
}

/** A node, and in `log` what it asks of what is around it. */
function node({
  source = {},
  signaling = [idleSignaling()],
  settings = {},
  ownsSocket = true,
  relays = [],
}: Setup = {}) {
  const log: string[] = [];
  const added: Parameters<Transport['addPeer']>[0][] = [];
  let suggest: (ip: string) => void = () => undefined;
  const transport: Transport = {
    ...idleTransport({ ownsSocket }),
    listenPort: 51_820,
    addPeer: (peer) => void added.push(peer),
    removePeer: () => void log.push('removed'),
    onEndpointSuggested(listener) {
      suggest = (ip) => listener({ publicKey: KEY, endpoint: transportAddress(ip, 1) });
      return NOTHING;
    },
    initiateHandshake: () => void log.push('handshake'),
    setPath: (_peer, paths) => void log.push(`paths ${paths.length}`),
  };
  let tellNews: (host: string) => void = () => undefined;
  const outside = {
    start: () => void log.push('names start'),
    stop: () => void log.push('names stop'),
    doubt: () => void log.push('names doubted'),
    onNews(listener: (host: string) => void) {
      tellNews = listener;
      return { [Symbol.dispose]: () => void log.push('news ended') };
    },
  } as unknown as NodeOutside;
  let change = () => {};
  const phases = new PluginPhases();
  const host: CandidateSource = {
    async *gather() {
      log.push('gather');
      yield { type: 'host', address: transportAddress('192.0.2.1', 51_820) };
    },
    async refresh() {
      log.push('refresh');
      return false;
    },
    watch(onChange) {
      change = onChange;
      return NOTHING;
    },
    ...source,
  };
  const clock = new FakeClock();
  const logger = memoryLogger();
  const random = seededRandom(1);
  const traversal = new NatTraversal({
    identity: createIdentity(random(32)),
    transport,
    candidateSources: [{ plugin: 'host', instance: host }],
    relays: relays.map((instance) => ({ plugin: 'relay', instance })),
    phases,
    signalings: signaling.map((instance) => ({ plugin: 'rendezvous', instance })),
    settings: { ...SETTINGS, ...settings },
    addresses: ['10.77.0.1/24'],
    clock,
    random: { bytes: random },
    logger,
    guard: EdgeGuard.create('test', { logger, clock }),
    outside,
  });
  const start = async () => {
    await traversal.start({ signal: new AbortController().signal });
    await clock.advance(0);
  };
  return {
    traversal,
    clock,
    log,
    added,
    logger,
    start,
    take: () => log.splice(0),
    phases,
    suggest: (ip: string) => suggest(ip),
    changeNetwork: () => change(),
    tellNews: () => tellNews('relay.example'),
  };
}

describe('a peer, as the transport is told of it', () => {
  const presharedKey = new Uint8Array(32).fill(7);
  const told = { publicKey: KEY, name: 'p', allowedIps: PEER.allowedIps };

  it.each<[string, Partial<Peer>, Setup, object]>([
    ['found by signalling, which keeps it alive too', {}, {}, { ...told, roaming: false }],
    [
      'plain where it has an endpoint',
      { endpoint: ENDPOINT },
      {},
      { ...told, endpoint: ENDPOINT, keepaliveSeconds: 25, roaming: true },
    ],
    ['plain where nothing signals', {}, { signaling: [] }, { ...told, keepaliveSeconds: 25, roaming: true }],
    [
      'plain where traversal is off',
      {},
      { settings: { enabled: false } },
      { ...told, keepaliveSeconds: 25, roaming: true },
    ],
    ['with its preshared key', { presharedKey }, {}, { ...told, presharedKey, roaming: false }],
  ])('%s', async (_what, more, setup, expected) => {
    const { traversal, added, start } = node(setup);
    await start();
    traversal.setPeer({ ...PEER, ...more });
    expect(added).toEqual([expected]);
    expect(traversal.view(KEY) === undefined).toBe((expected as { roaming: boolean }).roaming);
    await traversal.stop();
  });

  it('is told again when something changes that packets depend on, not for a name', async () => {
    const { traversal, added, start } = node();
    await start();
    traversal.setPeer(PEER);
    traversal.setPeer({ ...PEER, name: 'q' });
    expect(added).toHaveLength(1);
    expect(traversal.peers()).toEqual([{ ...PEER, name: 'q' }]);
    traversal.setPeer({ ...PEER, keepaliveSeconds: 5 });
    expect(added).toHaveLength(2);
    await traversal.stop();
  });

  it('a peer that is given an endpoint is left to WireGuard, which shakes hands there once', async () => {
    const { traversal, take, clock, start } = node();
    await start();
    traversal.setPeer(PEER);
    expect(traversal.view(KEY)).toBeDefined();
    take();
    traversal.setPeer({ ...PEER, endpoint: ENDPOINT });
    traversal.setPeer({ ...PEER, endpoint: ENDPOINT, keepaliveSeconds: 5 });
    await clock.advance(1000);
    expect(traversal.view(KEY)).toBeUndefined();
    expect(take().filter((call) => call === 'handshake')).toEqual(['handshake']);
    await traversal.stop();
  });
});

it('a peer that goes is removed once, and what is unknown not at all', async () => {
  const { traversal, take, start } = node();
  await start();
  traversal.setPeer(PEER);
  take();
  const removed = () => take().filter((call) => call === 'removed').length;
  traversal.removePeer(KEY);
  expect(removed()).toBe(1);
  traversal.removePeer(KEY);
  expect(removed()).toBe(0);
  expect([traversal.peers(), traversal.peer(KEY), traversal.view(KEY), traversal.pairsView(KEY)]).toEqual([
    [],
    undefined,
    undefined,
    undefined,
  ]);
  await traversal.stop();
});

it('the handshake with a peer that has gone, or of a node that has stopped, is not begun', async () => {
  const { traversal, take, clock, start } = node({ signaling: [] });
  const keys = Array.from({ length: 40 }, (_, i) => Buffer.alloc(32, i + 1).toString('base64'));
  await start();
  take();
  for (const publicKey of keys) traversal.setPeer({ ...PEER, publicKey, endpoint: ENDPOINT });
  for (const publicKey of keys.slice(-5)) traversal.removePeer(publicKey);
  const handshakes = () => take().filter((call) => call === 'handshake').length;
  expect(handshakes()).toBe(16);
  await clock.advance(20);
  expect(handshakes()).toBe(16);
  await traversal.stop();
  await clock.advance(1000);
  expect(handshakes()).toBe(0);
});

describe('a life', () => {
  it('starts names and gathering; stops all, leaving no timer', async () => {
    const { traversal, take, clock, start } = node();
    await start();
    expect(take()).toEqual(['names start', 'gather']);
    await traversal.stop();
    expect(take()).toEqual(['news ended', 'names stop']);
    await clock.advance(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not start with a signal that has ended', async () => {
    const { traversal, log } = node();
    await expect(traversal.start({ signal: AbortSignal.abort() })).rejects.toThrow();
    expect(log).toEqual([]);
  });

  it('stops without having started', async () => {
    const { traversal, take } = node();
    await traversal.stop();
    expect(take()).toEqual(['names stop']);
  });
});

describe('names of servers are doubted, and the network is looked at again', () => {
  it.each<[string, (of: ReturnType<typeof node>) => unknown, string[]]>([
    ['where a source sees another network', ({ changeNetwork }) => changeNetwork(), ['names doubted', 'gather']],
    ['after a sleep', ({ clock }) => clock.suspend(20_000), ['names doubted', 'refresh']],
    ['when told to hurry', ({ traversal }) => traversal.hurry(), ['names doubted', 'gather']],
    ['no other names where one has moved', ({ tellNews }) => tellNews(), ['gather']],
  ])('%s', async (_when, happens, expected) => {
    const subject = node();
    await subject.start();
    await subject.clock.advance(5000);
    subject.take();
    await happens(subject);
    await subject.clock.advance(3000);
    expect(subject.take()).toEqual(expected);
    await subject.traversal.stop();
  });

  it('a sleep is told in the log', async () => {
    const { traversal, clock, logger, start } = node();
    await start();
    await clock.suspend(3_600_000);
    await clock.advance(3000);
    expect(logger.lines.filter(({ fields }) => typeof fields['byMs'] === 'number')).toHaveLength(1);
    await traversal.stop();
  });
});

it('settings change while it runs; whether it is enabled does not, for peers were added by that', async () => {
  const { traversal, added, start } = node();
  await start();
  traversal.configure({ ...SETTINGS, enabled: false, maxCandidatePairs: 3 });
  traversal.setPeer(PEER);
  expect(added[0]).toMatchObject({ roaming: false });
  expect(traversal.view(KEY)).toBeDefined();
  await traversal.stop();
});

describe('gathering by request', () => {
  it('works on a node that was not started', async () => {
    const { traversal } = node({ ownsSocket: false });
    const candidates = await traversal.gatherCandidates();
    expect(candidates).toMatchObject([{ type: 'host', source: 'host' }]);
    expect(traversal.localCandidates()).toEqual(candidates);
  });

  it('says so where there is nothing', async () => {
    const { traversal } = node({ source: { async *gather() {} } });
    await expect(traversal.gatherCandidates()).rejects.toMatchObject({ code: 'STUN_DISCOVERY' });
  });
});

it('what sources say of the NAT is asked when it is wanted', async () => {
  const natBehavior = { mapping: 'endpoint-independent', filtering: 'address-dependent' } as const;
  const { traversal } = node({ source: { natBehavior: () => natBehavior } });
  expect(traversal.natBehavior()).toEqual(natBehavior);
});

it('addresses of our own network, and of peers in it, are no way to a peer; a peer that has gone has none', async () => {
  const { traversal, start, suggest } = node({ ownsSocket: false });
  const [ours, peers, free] = ['10.77.0.77', '10.88.0.9', '198.51.100.7'];
  const other = createIdentity(Buffer.alloc(32, 8)).publicKey;
  const refused = () => traversal.pairsView(KEY)?.rejections.map(({ remote }) => remote.address.ip);
  await start();
  traversal.setPeer(PEER);
  traversal.setPeer({ ...PEER, publicKey: other, allowedIps: [`${peers}/32`] });
  for (const ip of [ours, peers, free]) suggest(ip);
  expect(refused()).toEqual([ours, peers]);
  traversal.removePeer(other);
  suggest('198.51.100.8');
  expect(refused()).toEqual([ours]);
  await traversal.stop();
});

it('whose start is waited for is told', async () => {
  const slow: Signaling = { ...idleSignaling(), start: () => new Promise(() => undefined) };
  const { traversal, phases } = node({ signaling: [slow] });
  const abort = new AbortController();
  const starting = traversal.start({ signal: abort.signal });
  await Promise.resolve();
  expect(phases.running()).toMatchObject([{ plugin: 'rendezvous', phase: 'start' }]);
  abort.abort();
  await expect(starting).rejects.toMatchObject({ code: 'ABORTED' });
  await traversal.stop();
});

describe('a survey', () => {
  const relay: Relay = {
    servers: [{ url: 'turn:relay.example', transport: 'udp' }],
    allocate: () => new Promise(() => undefined),
  };

  it.each([
    ['that was not started, whose allocations are made for that', false],
    ['that runs, whose allocations are there', true],
  ])('of a node %s, waits three seconds for relays', async (_what, isRunning) => {
    const { traversal, clock, start } = node({ relays: [relay] });
    if (isRunning) await start();
    let isDone = false;
    const asked = traversal.survey({ signal: new AbortController().signal }).finally(() => (isDone = true));
    await clock.advance(2999);
    expect(isDone).toBe(false);
    await clock.advance(1);
    expect((await asked).relays).toMatchObject([{ state: 'connecting', error: 'no answer in 3 s' }]);
    await traversal.stop();
  });
});

it('a survey of a node that was not started gathers, and leaves nothing', async () => {
  const { traversal, clock, take } = node();
  const { signal } = new AbortController();
  await expect(traversal.survey({ signal })).resolves.toEqual({
    reflexive: [],
    forwarded: [],
    natBehavior: { mapping: null, filtering: null },
    relays: [],
  });
  expect(take()).toEqual(['gather']);
  expect(clock.pendingTimers).toBe(0);
});

it('status tells what plugins complain of, and counts what of theirs is refused', async () => {
  const { traversal, start } = node({ source: { problems: () => ['no answer from stun.example'] } });
  await start();
  expect(traversal.problems()).toEqual([expect.stringContaining('no answer from stun.example')]);
  expect(traversal.counters()).toMatchObject({ 'refused.host: candidate': 0 });
  expect([traversal.relayStates(), traversal.relayUrl('none')]).toEqual([[], undefined]);
  await traversal.stop();
});

it('whoever waits for changes is told of the peer, until he is disposed', async () => {
  const { traversal, clock, start } = node();
  const told: string[] = [];
  await start();
  const waiting = traversal.onChange((peer) => void told.push(peer));
  traversal.setPeer(PEER);
  const searched = async () => {
    void traversal.connectToPeer(KEY).catch(() => undefined);
    await clock.advance(20_000);
    return new Set(told.splice(0));
  };
  expect(await searched()).toEqual(new Set([KEY]));
  waiting[Symbol.dispose]();
  expect(await searched()).toEqual(new Set());
  await traversal.stop();
});

it('verbs for a peer that is none say so', async () => {
  const { traversal, start } = node();
  await start();
  for (const verb of [
    traversal.connectToPeer('nobody'),
    traversal.attemptUpgrade('nobody'),
    traversal.peerEvidence('nobody', { timeoutMs: 1 }),
  ])
    await expect(verb).rejects.toMatchObject({ code: 'PEER_NOT_FOUND' });
  await traversal.stop();
});
