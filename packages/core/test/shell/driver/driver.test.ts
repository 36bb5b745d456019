import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { TransportPath } from '../../../src/contracts/path.js';
import type { DriverEvent } from '../../../src/shell/driver/events.js';
import { BASE, FRAMING, hostAt, MAPPED, NO_ANSWER, PEER, REFRESH_MS, seenAt, TestNode } from './driven-node.js';

const checkOn = (path: TransportPath): DriverEvent => ({
  type: 'check',
  peer: PEER,
  path,
  transactionId: Buffer.alloc(12, 7),
  priority: 1,
  candidateType: 'host',
  useCandidate: false,
});

describe('the answer to a check', () => {
  it('goes back the way the check came, also where a relay has no channel for it yet', () => {
    const node = new TestNode().allocates().gathers(hostAt('192.0.2.1')).meets();
    const remote = transportAddress('192.0.2.9', 51820);
    for (const path of [
      { kind: 'socket', base: BASE, remote },
      { kind: 'relayed', framing: FRAMING, remote },
    ] as const) {
      node.take();
      expect(node.tell(checkOn(path)).take('answer-check')).toMatchObject([{ peer: PEER, path }]);
    }
  });

  it('is none when the node does not run', () => {
    const node = new TestNode().meets().tell({ type: 'stopped' });
    node.take();
    node.tell(checkOn({ kind: 'socket', base: BASE, remote: transportAddress('192.0.2.9', 1) }));
    expect(node.take('answer-check')).toEqual([]);
    expect(node.driver.nextTimeout()).toBeUndefined();
  });
});

describe('checks of our own', () => {
  const candidates = [{ type: 'host', address: transportAddress('192.0.2.9', 51820), priority: 1 }] as const;

  it('leave from a socket of the transport’s, and from none that is not there', () => {
    const node = new TestNode().gathers(hostAt('192.0.2.1')).meets({ candidates }).pass(1000);
    const [check] = node.take('send-check');
    expect(check?.path).toEqual({ kind: 'socket', base: BASE, remote: candidates[0].address });
    node.tell({ type: 'sockets', bases: [] }).pass(1000);
    expect(node.take('send-check')).toEqual([]);
  });

  it('that are answered make the path that the transport is told', () => {
    const node = new TestNode().gathers(hostAt('192.0.2.1')).meets({ candidates }).pass(1000);
    for (const { path, transactionId } of node.take('send-check')) node.answers(path, transactionId);
    const path = { kind: 'socket', base: BASE, remote: candidates[0].address };
    expect(node.take('set-path')).toEqual([{ type: 'set-path', peer: PEER, paths: [path] }]);
  });

  it('of a peer that is gone are taken no more', () => {
    const node = new TestNode().meets();
    expect(node.tell({ type: 'peer-removed', peer: PEER }).take('forget-checks')).toMatchObject([{ peer: PEER }]);
  });
});

describe('sockets that the engine wanted besides', () => {
  const extra = { id: 'udp4-1', family: 4, port: 40_001, shared: false } as const;

  it('are closed where its peer is gone by then', () => {
    const node = new TestNode().tell({ type: 'bases-opened', peer: PEER, bases: [extra] });
    expect(node.take('close-bases')).toEqual([{ type: 'close-bases', bases: [extra] }]);
  });
});

describe('a socket that a source opened for a candidate of its own', () => {
  const base = { id: 'udp4-1', family: 4, port: 40_001, shared: false } as const;
  const mapped = { ...seenAt('198.51.100.7', 40_001), base };
  const remote = transportAddress('192.0.2.9', 51820);
  const candidates = [{ type: 'host', address: remote, priority: 1 }] as const;
  const path = { kind: 'socket', base, remote } as const;
  const basesOf = (node: TestNode) => node.driver.engine.pairsView(PEER)?.pairs.map(({ localBase }) => localBase.id);

  it('is the base of pairs, beside the shared one', () => {
    const node = new TestNode().gathers(hostAt('192.0.2.1'), mapped).meets({ candidates });
    expect(basesOf(node)).toEqual(['udp4', 'udp4-1']);
    const paths = node
      .pass(1000)
      .take('send-check')
      .map((check) => check.path);
    expect(paths).toContainEqual(path);
  });

  it('takes checks, and is the path where only it answers', () => {
    const node = new TestNode().gathers(hostAt('192.0.2.1'), mapped).meets({ candidates }).pass(1000);
    for (const check of node.take('send-check'))
      if (check.path.kind === 'socket' && check.path.base === base) node.answers(check.path, check.transactionId);
    expect(node.take('set-path')).toEqual([{ type: 'set-path', peer: PEER, paths: [path] }]);
    expect(node.tell(checkOn(path)).take('answer-check')).toMatchObject([{ path }]);
  });

  it('is that as long as its source finds the candidate', () => {
    const node = new TestNode().gathers(hostAt('192.0.2.1'), mapped).meets({ candidates }).pass(1000);
    node.gathers(hostAt('192.0.2.1'));
    expect(basesOf(node)).toEqual(['udp4']);
    node.take();
    const paths = node
      .pass(1000)
      .take('send-check')
      .map((check) => check.path);
    expect(paths).not.toContainEqual(path);
  });
});

describe('a candidate that names no socket', () => {
  it('belongs to the shared one of its family, and to none that was opened besides', () => {
    const node = new TestNode();
    const besides = { id: 'guess4', family: 4, port: 40_000, shared: false } as const;
    const six = { id: 'six', family: 6, port: 51_821, shared: true } as const;
    node.tell({ type: 'sockets', bases: [besides, { ...BASE, id: 'four' }, six] });
    node.gathers(hostAt('192.0.2.1'), hostAt('2001:db8::1'));
    expect(node.driver.candidates.list().map(({ foundation }) => foundation)).toEqual(['host/six/', 'host/four/']);
  });
});

describe('what peers are told', () => {
  it('is described once for all that is found within one turn, and not again where it is the same', () => {
    const node = new TestNode();
    node.tell(
      { type: 'candidate', source: 'host', candidate: hostAt('192.0.2.1') },
      { type: 'candidate', source: 'host', candidate: hostAt('192.0.2.2') },
    );
    expect(node.revision).toBe(0);
    expect(node.pass(0).revision).toBe(1);
    const candidates = [hostAt('192.0.2.1'), hostAt('192.0.2.2')];
    node.tell({ type: 'gathered', source: 'host', candidates }).pass(0);
    expect(node.revision).toBe(1);
    expect(node.generation).toBe(0);
  });

  it.each([
    ['an address is gone: a new generation', [hostAt('192.0.2.2')], 1],
    ['an address more: a revision', [hostAt('192.0.2.1'), hostAt('192.0.2.2')], 0],
  ] as const)('%s', (_what, found, generation) => {
    const node = new TestNode().gathers(hostAt('192.0.2.1'));
    expect(node.gathers(...found).generation).toBe(generation);
  });

  it('an allocation that comes or goes is a revision', () => {
    const node = new TestNode().gathers(hostAt('192.0.2.1'), seenAt(MAPPED.ip, MAPPED.port));
    const { revision } = node;
    expect(node.allocates().revision).toBe(revision + 1);
    node.tell({ type: 'allocation-lost', allocationId: 'a1', failure: NO_ANSWER }).pass(0);
    expect(node.revision).toBe(revision + 2);
    expect(node.generation).toBe(0);
    expect(node.driver.candidates.list().map(({ type }) => type)).toEqual(['host', 'server-reflexive']);
  });

  it('is of another network after sleep, even if it is the same', () => {
    const node = new TestNode().gathers(hostAt('192.0.2.1'));
    expect(node.tell({ type: 'slept' }).generation).toBe(1);
  });

  it('is of the device’s sockets where the transport owns none', () => {
    const node = new TestNode().tell({ type: 'sockets', bases: undefined }).gathers(hostAt('192.0.2.1'));
    node.meets({ candidates: [{ type: 'host', address: transportAddress('192.0.2.9', 1), priority: 1 }] });
    expect(node.driver.engine.pairsView(PEER)?.pairs.map(({ localBase }) => localBase.id)).toEqual(['device4']);
  });

  it('is what sources know of the NAT, with the lifetime of a binding once it is learnt', () => {
    const node = new TestNode();
    expect(node.driver.natBehavior).toEqual({ mapping: null, filtering: null });
    const natBehavior = { mapping: 'endpoint-independent', filtering: null } as const;
    node.tell({ type: 'nat-behavior', natBehavior }).gathers(seenAt('198.51.100.7', 1));
    const { revision } = node;
    node.tell({ type: 'binding-lifetime', ms: 40_000 }).pass(0);
    expect(node.driver.natBehavior).toEqual({ ...natBehavior, bindingLifetimeMs: 40_000 });
    expect(node.revision).toBe(revision + 1);
  });
});

describe('the lifetime of a binding', () => {
  const learns = (node: TestNode) => node.take('learn-binding-lifetime').length;

  it('is learnt once for each public address, and known until there is another', () => {
    const node = new TestNode();
    const natBehavior = { mapping: 'endpoint-independent', filtering: null } as const;
    expect(learns(node.gathers(hostAt('192.0.2.1')))).toBe(0);
    expect(learns(node.gathers(seenAt('198.51.100.7', 1)))).toBe(1);
    node.tell({ type: 'nat-behavior', natBehavior }, { type: 'binding-lifetime', ms: 40_000 });
    expect(learns(node.gathers(seenAt('198.51.100.7', 2)))).toBe(0);
    expect(node.driver.natBehavior.bindingLifetimeMs).toBe(40_000);
    expect(learns(node.gathers(seenAt('198.51.100.8', 2)))).toBe(1);
    expect(node.driver.natBehavior.bindingLifetimeMs).toBeUndefined();
    node.tell({ type: 'stopped' }, { type: 'started' });
    expect(learns(node.gathers(seenAt('198.51.100.8', 2)))).toBe(1);
  });
});

describe('looking at the network', () => {
  const looks = (node: TestNode) =>
    node.take('nudge-signaling', 'gather', 'refresh', 'renew-allocations').map(({ type }) => type);

  it.each<[DriverEvent['type'], string[]]>([
    ['gather', ['gather']],
    ['network-changed', ['nudge-signaling', 'gather']],
    ['mapping-changed', ['gather']],
    ['slept', ['nudge-signaling', 'refresh']],
    ['servers-moved', ['nudge-signaling', 'renew-allocations', 'gather']],
  ])('on %s: %j', (type, wanted) => {
    expect(looks(new TestNode().tell({ type } as DriverEvent))).toEqual(wanted);
    expect(looks(new TestNode().tell({ type: 'stopped' }, { type } as DriverEvent))).toEqual([]);
  });

  it('again an interval after the start, and after each look has ended', () => {
    const node = new TestNode();
    expect(looks(node.pass(REFRESH_MS - 1))).toEqual([]);
    expect(looks(node.pass(1))).toEqual(['refresh']);
    expect(looks(node.pass(2 * REFRESH_MS))).toEqual([]);
    node.tell({ type: 'refreshed' });
    expect(looks(node.pass(REFRESH_MS))).toEqual(['refresh']);
  });

  it('a look in between puts the next one off no further', () => {
    const node = new TestNode().pass(REFRESH_MS - 1).tell({ type: 'refreshed' });
    expect(looks(node.pass(1))).toEqual(['refresh']);
  });
});

describe('a path that goes silent', () => {
  it('has mappings looked at, once a second at most for all peers', () => {
    const peers = ['B', 'C', 'D'];
    const node = new TestNode().gathers(hostAt('192.0.2.1'));
    for (const [index, peer] of peers.entries()) {
      node.tell({ type: 'peer-added', peer, keepaliveMs: 25_000 });
      const remote = transportAddress(`192.0.2.1${index}`, 51820);
      node.meets({ candidates: [{ type: 'host', address: remote, priority: 1 }] });
      node.tell({
        type: 'message',
        peer,
        message: {
          runId: peer,
          generation: 0,
          revision: 0,
          ufrag: 'u',
          password: 'p',
          candidates: [{ type: 'host', address: remote, priority: 1 }],
          natBehavior: { mapping: null, filtering: null },
          call: true,
          seen: null,
          asksForEvidence: false,
          evidence: null,
        },
      });
      node.pass(500);
      for (const { path, transactionId } of node.take('send-check')) node.answers(path, transactionId);
      node.tell({ type: 'handshake', peer });
    }
    node.take();
    for (const peer of peers) node.tell({ type: 'sent', peer });
    node.pass(900);
    expect(node.take('refresh')).toHaveLength(1);
  });
});

it('settings that change hold from the next look on', () => {
  const node = new TestNode();
  node.driver.configure({ holePunchTimeoutMs: 1, maxCandidatePairs: 1, hardNat: true, refreshIntervalMs: 5000 });
  node.pass(REFRESH_MS).take();
  node.tell({ type: 'refreshed' });
  expect(node.pass(5000).take('refresh')).toHaveLength(1);
});
