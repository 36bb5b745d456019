import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { EdgeGuard } from '../../src/base/guard/edge-guard.js';
import { Listeners } from '../../src/base/guard/listeners.js';
import { silentLogger } from '../../src/base/logging/memory-logger.js';
import { FakeClock } from '../../src/base/time/fake-clock.js';
import type { Connection } from '../../src/engine/connection-type.js';
import type { PairEvidence } from '../../src/engine/pair-evidence.js';
import type { PeerView } from '../../src/engine/peer/peer-view.js';
import { PeerRequests, type PongOfPeer } from '../../src/shell/peer-requests.js';
import type { TraversalSettings } from '../../src/shell/traversal-settings.js';

const PEER = 'b';
const PATH = { baseId: 'udp4', remote: transportAddress('198.51.100.7', 40_000) };

/** One peer, and what a driver is asked about it. */
class Asked {
  readonly clock = new FakeClock();
  readonly events: string[] = [];
  readonly changes: Listeners<string>;
  readonly pongs: Listeners<PongOfPeer>;
  readonly requests: PeerRequests;
  view: Partial<PeerView> | undefined = { connection: 'connecting' };

  constructor() {
    const guard = EdgeGuard.create('test', { logger: silentLogger(), clock: this.clock });
    this.changes = new Listeners(guard, 'changes');
    this.pongs = new Listeners(guard, 'pongs');
    this.requests = new PeerRequests({
      clock: this.clock,
      settings: { holePunchTimeoutMs: 15_000, upgradeTimeoutMs: 10_000 } as TraversalSettings,
      pongs: this.pongs,
      changes: this.changes,
      view: (publicKey) => (publicKey === PEER ? (this.view as PeerView | undefined) : undefined),
      nameOf: (publicKey) => (publicKey === PEER ? 'bob' : undefined),
      handle: (event) => this.events.push(event.type === 'attempt' ? `attempt ${event.budgetMs}` : event.type),
    });
  }

  /** The peer is seen otherwise from now on. */
  becomes(view: Partial<PeerView>, peer = PEER): void {
    this.view = { ...this.view, ...view };
    this.changes.tell(peer);
  }

  pong(connection: Connection | undefined, peer = PEER): void {
    this.view = { connection: 'direct', ...(connection && { pairInUse: { connection } as PeerView['pairInUse'] }) };
    this.pongs.tell({ peer, path: PATH, rttMs: 12 });
  }
}

/** What came of it, with the error's code. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: { code?: string }) => error.code);
}

describe('a path that is asked for', () => {
  it('is there at once where there is one, and nothing is probed for it', async () => {
    const asked = new Asked();
    asked.view = { connection: 'relayed' };
    expect(await asked.requests.connect(PEER, {})).toBe('relayed');
    expect(asked.events).toEqual([]);
  });

  it('is probed for anew, and waited for; what happens to others is nothing to it', async () => {
    const asked = new Asked();
    const path = asked.requests.connect(PEER, {});
    expect(asked.events).toEqual(['attempt 15000']);
    asked.view = { connection: 'direct' };
    asked.changes.tell('c');
    asked.view = { connection: 'connecting' };
    asked.becomes({ connection: 'unreachable' });
    asked.becomes({ connection: 'hole-punched' });
    expect(await path).toBe('hole-punched');
  });

  it('is not there when the budget is used up: the error names the peer and the time', async () => {
    const asked = new Asked();
    const path = asked.requests.connect(PEER, {});
    const error = path.catch((reason: unknown) => reason);
    await asked.clock.advance(15_000);
    expect(await error).toMatchObject({
      code: 'NAT_TRAVERSAL_FAILED',
      subject: 'bob',
      message: expect.stringContaining('no path to bob in 15 s') as string,
    });
  });

  it('of a peer that there is not, or given up by who waits, is an error', async () => {
    const asked = new Asked();
    expect(await outcome(asked.requests.connect('c', {}))).toBe('PEER_NOT_FOUND');
    const abort = new AbortController();
    const path = outcome(asked.requests.connect(PEER, { signal: abort.signal }));
    abort.abort();
    expect(await path).toBe('ABORTED');
  });
});

describe('a better path that is asked for', () => {
  it.each<[Connection, Connection, string | undefined]>([
    ['relayed', 'hole-punched', 'hole-punched'],
    ['relayed', 'direct', 'direct'],
    ['hole-punched', 'direct', 'direct'],
    ['connecting', 'relayed', 'relayed'],
    ['hole-punched', 'relayed', undefined],
    ['relayed', 'relayed', undefined],
    ['relayed', 'connecting', undefined],
  ])('than %s, where it becomes %s: %s', async (before, after, expected) => {
    const asked = new Asked();
    asked.view = { connection: before };
    const better = asked.requests.upgrade(PEER, {});
    expect(asked.events).toEqual(['attempt 10000']);
    asked.becomes({ connection: after });
    await asked.clock.advance(10_000);
    expect(await better).toBe(expected);
  });

  it('than a direct one is none, and nothing is probed', async () => {
    const asked = new Asked();
    asked.view = { connection: 'direct' };
    expect(await asked.requests.upgrade(PEER, {})).toBeUndefined();
    expect(asked.events).toEqual([]);
    expect(await outcome(asked.requests.upgrade('c', {}))).toBe('PEER_NOT_FOUND');
  });
});

describe('the path in use that is asked', () => {
  it('answers with its round trip and type', async () => {
    const asked = new Asked();
    const ping = asked.requests.ping(PEER, { timeoutMs: 1000 });
    expect(asked.events).toEqual(['ping']);
    asked.pong('relayed');
    expect(await ping).toEqual({ rttMs: 12, connection: 'relayed', path: PATH });
  });

  it.each<[string, (asked: Asked) => void]>([
    ['nothing comes back', () => undefined],
    ['another peer answers', (asked) => asked.pong('direct', 'c')],
    ['there is no path any more', (asked) => asked.pong(undefined)],
  ])('has no answer where %s', async (_where, happens) => {
    const asked = new Asked();
    const ping = asked.requests.ping(PEER, { timeoutMs: 1000 });
    happens(asked);
    await asked.clock.advance(1000);
    expect(await ping).toBeUndefined();
  });
});

describe('what a peer has seen', () => {
  const evidence: readonly PairEvidence[] = [];

  it('is what it tells after it was asked', async () => {
    const asked = new Asked();
    asked.view = { connection: 'direct', peerEvidence: [] };
    const told = asked.requests.evidence(PEER, { timeoutMs: 1000 });
    expect(asked.events).toEqual(['ask-for-evidence']);
    asked.becomes({ connection: 'relayed' });
    asked.becomes({ peerEvidence: evidence });
    expect(await told).toBe(evidence);
  });

  it('is not known where it does not say in time', async () => {
    const asked = new Asked();
    asked.view = { connection: 'direct', peerEvidence: evidence };
    const told = asked.requests.evidence(PEER, { timeoutMs: 1000 });
    await asked.clock.advance(1000);
    expect(await told).toBeUndefined();
    expect(await outcome(asked.requests.evidence('c', { timeoutMs: 1 }))).toBe('PEER_NOT_FOUND');
  });
});
