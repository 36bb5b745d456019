import { parsePublicKey, type Peer, type PeerChange, type PeerDiscovery } from '@wirepath/core';
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import type { ConformanceCheck } from './conformance-check.js';
import { withoutIo } from './io-free.js';
import { checksFrom, type SetUp, type CheckRun } from './check-run.js';

export interface PeerDiscoverySubject {
  create(): PeerDiscovery;
  /** Names of peers that it must find, in any order; left out: none in particular. */
  readonly expected?: readonly string[];
  /** Changes what there is to be found, where the factory can: a change must be told then. */
  change?(): void | Promise<void>;
}

/** The rules of {@link PeerDiscovery}. */
export function peerDiscoveryConformance(setUp: SetUp<PeerDiscoverySubject>): ConformanceCheck[] {
  return checksFrom(setUp, {
    'construction does no I/O': async ({ subject, pendingTimers }) => {
      withoutIo(() => subject.create(), pendingTimers);
    },
    'asking for peers does nothing until they are read': async ({ subject, pendingTimers }) => {
      const discovery = subject.create();
      withoutIo(() => discovery.peers({ signal: new AbortController().signal }), pendingTimers);
    },
    'finds the peers, well-formed and each under a name of its own': async (run) => {
      const listening = listen(run.subject.create());
      await run.eventually(() => hasAll(listening, run.subject.expected), 'the expected peers');
      await run.world.time.advance(100);
      for (const peer of listening.peers.values()) assertPeer(peer);
      const names = [...listening.peers.values()].map(({ name }) => name);
      assert.equal(new Set(names).size, names.length, `names are not unique: ${names.join(', ')}`);
      await end(run, listening);
    },
    'finds the same for everybody who asks': async (run) => {
      const discovery = run.subject.create();
      const both = [listen(discovery), listen(discovery)];
      for (const each of both) await run.eventually(() => hasAll(each, run.subject.expected), 'the expected peers');
      for (const each of both) await end(run, each);
    },
    'tells a change': async (run) => {
      const { subject } = run;
      if (subject.change === undefined) return;
      const listening = listen(run.subject.create());
      await run.eventually(() => hasAll(listening, subject.expected), 'the expected peers');
      await run.world.time.advance(100);
      const before = listening.changes.length;
      await subject.change();
      await run.eventually(() => listening.changes.length > before, 'a change');
      await end(run, listening);
    },
    'an abort ends it, without an error': async (run) => {
      const listening = listen(run.subject.create());
      await run.eventually(() => hasAll(listening, run.subject.expected), 'the expected peers');
      await end(run, listening);
      await run.assertNoTimers();
    },
    'an abort before it began finds nobody, without an error': async (run) => {
      const listening = listen(run.subject.create(), AbortSignal.abort());
      await run.within(listening.ended, 'the end');
      assert.equal(listening.changes.length, 0);
      await run.assertNoTimers();
    },
    'who leaves the loop leaves nothing behind': async (run) => {
      if ((run.subject.expected ?? []).length === 0) return;
      const leaving = (async () => {
        for await (const _ of run.subject.create().peers({ signal: new AbortController().signal })) break;
      })();
      await run.within(leaving, 'the first change');
      await run.assertNoTimers();
    },
  });
}

interface Listening {
  readonly peers: Map<string, Peer>;
  readonly changes: PeerChange[];
  readonly ended: Promise<void>;
  abort(): void;
}

function listen(discovery: PeerDiscovery, signal?: AbortSignal): Listening {
  const controller = new AbortController();
  const peers = new Map<string, Peer>();
  const changes: PeerChange[] = [];
  const ended = (async () => {
    for await (const change of discovery.peers({ signal: signal ?? controller.signal })) {
      changes.push(change);
      if (change.kind === 'set') peers.set(change.peer.publicKey, change.peer);
      else assert.ok(peers.delete(change.publicKey), 'it removed a peer that it had not set');
    }
  })();
  // Whoever waits for the end sees it.
  ended.catch(() => undefined);
  return { peers, changes, ended, abort: () => controller.abort() };
}

function hasAll({ peers }: Listening, expected: readonly string[] = []): boolean {
  const names = [...peers.values()].map(({ name }) => name);
  return expected.every((name) => names.includes(name));
}

async function end(run: CheckRun<PeerDiscoverySubject>, listening: Listening): Promise<void> {
  listening.abort();
  await run.within(listening.ended, 'the end');
  const { length } = listening.changes;
  await run.world.time.advance(1000);
  assert.equal(listening.changes.length, length, 'it told a change after the abort');
}

function assertPeer({ name, publicKey, presharedKey, allowedIps, keepaliveSeconds, endpoint }: Peer): void {
  assert.notEqual(name, '', 'a peer has no name');
  assert.ok(isPublicKey(publicKey), `${name}: the public key is not 32 bytes of base64`);
  if (presharedKey !== undefined) assert.equal(presharedKey.length, 32, `${name}: the preshared key is not 32 bytes`);
  for (const cidr of allowedIps) assertCidr(name, cidr);
  assert.ok(Number.isInteger(keepaliveSeconds) && keepaliveSeconds >= 0, `${name}: keepaliveSeconds`);
  if (endpoint !== undefined) {
    assert.equal(isIP(endpoint.ip), endpoint.family, `${name}: the endpoint's IP is none of its family`);
    assert.ok(endpoint.port > 0 && endpoint.port < 65536, `${name}: the endpoint's port`);
  }
}

function assertCidr(name: string, cidr: string): void {
  const [ip = '', length = ''] = cidr.split('/');
  const bits = isIP(ip) === 6 ? 128 : 32;
  const valid = isIP(ip) !== 0 && /^\d+$/.test(length) && Number(length) <= bits;
  assert.ok(valid, `${name}: ${JSON.stringify(cidr)} is no CIDR`);
}

function isPublicKey(text: string): boolean {
  try {
    return parsePublicKey(text).length === 32;
  } catch {
    return false;
  }
}
