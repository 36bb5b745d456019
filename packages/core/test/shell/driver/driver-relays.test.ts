import { describe, expect, it } from 'vitest';
import { FRAMING, NO_ANSWER, PEER, PEER_RELAYED, RELAY, RELAYED, TestNode } from './driven-node.js';

describe('an allocation', () => {
  it('is asked for on every server, and given up with it', () => {
    const node = new TestNode();
    node.tell({ type: 'relay-servers', servers: [RELAY] });
    expect(node.take('allocate')).toEqual([{ type: 'allocate', on: RELAY }]);
    node.allocates();
    expect(node.take('allocate')).toEqual([]);
    node.tell({ type: 'relay-servers', servers: [] });
    expect(node.take('close-allocation')).toEqual([{ type: 'close-allocation', allocationId: 'a1' }]);
  });

  it('that nobody wants by then is closed', () => {
    const node = new TestNode().tell({ type: 'relay-servers', servers: [] });
    const allocation = { id: 'late', relayedAddress: RELAYED, rttMs: 5 };
    node.tell({ type: 'allocated', on: RELAY, allocation, atMs: 0 });
    expect(node.take('close-allocation')).toEqual([{ type: 'close-allocation', allocationId: 'late' }]);
  });

  it('that failed is tried again, later and later, also on a node that has not started', () => {
    for (const stop of [[], [{ type: 'stopped' } as const]]) {
      const node = new TestNode().tell({ type: 'relay-servers', servers: [RELAY] }, ...stop);
      node.take();
      for (const retryInMs of [1000, 2000, 4000]) {
        node.tell({ type: 'allocation-failed', on: RELAY, failure: NO_ANSWER });
        expect(node.take('relay-down')).toEqual([{ type: 'relay-down', on: RELAY, reason: 'no answer', retryInMs }]);
        expect(node.pass(retryInMs - 1).take('allocate')).toEqual([]);
        expect(node.pass(1).take('allocate')).toEqual([{ type: 'allocate', on: RELAY }]);
      }
    }
  });

  it('that is lost is made again', () => {
    const node = new TestNode().allocates();
    node.take();
    node.tell({ type: 'allocation-lost', allocationId: 'a1', failure: NO_ANSWER }).pass(1000);
    expect(node.take('allocate')).toEqual([{ type: 'allocate', on: RELAY }]);
  });

  it('that waits is tried at once where servers may have moved', () => {
    const node = new TestNode().tell({ type: 'relay-servers', servers: [RELAY] });
    for (let failed = 0; failed < 4; failed++) node.tell({ type: 'allocation-failed', on: RELAY, failure: NO_ANSWER });
    node.take();
    expect(node.tell({ type: 'servers-moved' }).pass(0).take('allocate')).toHaveLength(1);
  });
});

describe('a permission', () => {
  it('lets checks leave by the relay, in its framing, until it is released', () => {
    const node = new TestNode().allocates();
    const { peer, path } = node.wantsPermission();
    expect(path).toEqual({ baseId: 'a1', remote: PEER_RELAYED });
    node.tell({ type: 'permission', peer, path, granted: FRAMING }).pass(1000);
    const relayed = node.take('send-check').filter(({ path: over }) => over.kind === 'relayed');
    expect(relayed[0]?.path).toEqual({ kind: 'relayed', framing: FRAMING, remote: PEER_RELAYED });
    expect(node.tell({ type: 'peer-removed', peer }).take('release')).toEqual([{ type: 'release', path }]);
  });

  it('that is refused fails its pair', () => {
    const node = new TestNode().allocates();
    const { peer, path } = node.wantsPermission();
    node.tell({ type: 'permission', peer, path, granted: { error: '403 Forbidden' } }).pass(1000);
    expect(node.take('send-check').some(({ path: over }) => over.kind === 'relayed')).toBe(false);
  });

  it.each([
    ['its peer', { type: 'peer-removed', peer: PEER }],
    ['its allocation', { type: 'allocation-lost', allocationId: 'a1', failure: NO_ANSWER }],
    ['its server', { type: 'relay-servers', servers: [] }],
  ] as const)('that comes when %s is gone leaves nothing', (_what, end) => {
    const node = new TestNode().allocates();
    const { peer, path } = node.wantsPermission();
    node.tell(end);
    node.take();
    node.tell({ type: 'permission', peer, path, granted: FRAMING });
    expect(node.take('release')).toEqual([{ type: 'release', path }]);
  });

  it('is gone with its allocation', () => {
    const node = new TestNode().allocates();
    const { peer, path } = node.wantsPermission();
    node.tell({ type: 'permission', peer, path, granted: FRAMING });
    node.tell({ type: 'allocation-lost', allocationId: 'a1', failure: NO_ANSWER });
    node.take();
    expect(
      node
        .pass(500)
        .take('send-check')
        .some(({ path: over }) => over.kind === 'relayed'),
    ).toBe(false);
  });
});
