import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { LoadedPeer } from '../../src/rc-file/loaded-peer.js';
import { RcFilePeers } from '../../src/assembly/rc-file-peers.js';
import { memoryLogger } from '../../src/base/logging/memory-logger.js';
import { transportAddress, type Outside, type PeerChange } from '../../src/plugin.js';
import { FakeClock } from '../../src/base/time/fake-clock.js';

const peer = (name: string, more: Partial<LoadedPeer> = {}): LoadedPeer => ({
  name,
  publicKey: `key of ${name}`,
  allowedIps: [],
  keepaliveSeconds: 25,
  ...more,
});

function setUp(
  peers: readonly LoadedPeer[],
  addressesOf: () => Promise<string[]> = () => Promise.reject(new Error('no name server')),
) {
  const asked: boolean[] = [];
  const outside: Pick<Outside, 'resolve'> = {
    resolve: async ({ port }, { again = false }) => {
      asked.push(again);
      return (await addressesOf()).map((ip) => transportAddress(ip, port));
    },
  };
  const clock = new FakeClock();
  const logger = memoryLogger();
  const controller = new AbortController();
  const discovery = new RcFilePeers(peers, { clock, logger, outside });
  const changes: PeerChange[] = [];
  const done = (async () => {
    for await (const change of discovery.peers({ signal: controller.signal })) changes.push(change);
  })();
  const told = async () => {
    await clock.advance(0);
    return changes.splice(0).map((change) => (change.kind === 'set' ? `+${change.peer.name}` : `-${change.publicKey}`));
  };
  return { clock, logger, controller, discovery, changes, done, told, asked };
}

describe('RcFilePeers', () => {
  it('tells the peers, then what changes when the file is read again', async () => {
    const { discovery, told, controller, done } = setUp([peer('a'), peer('b')]);
    expect(await told()).toEqual(['+a', '+b']);
    discovery.update([peer('b', { allowedIps: ['10.0.0.1/32'] }), peer('c')]);
    expect(await told()).toEqual(['-key of a', '+b', '+c']);
    discovery.update([peer('b', { allowedIps: ['10.0.0.1/32'] }), peer('c')]);
    expect(await told()).toEqual([]);
    discovery.update([peer('b', { allowedIps: ['10.0.0.1/32'], presharedKey: new Uint8Array(32) }), peer('c')]);
    expect(await told()).toEqual(['+b']);
    controller.abort();
    await done;
  });

  it('tells who comes late the peers of the newest file', async () => {
    const { discovery, controller } = setUp([peer('a')]);
    discovery.update([peer('b')]);
    for await (const change of discovery.peers({ signal: controller.signal })) {
      expect(change).toMatchObject({ kind: 'set', peer: { name: 'b' } });
      controller.abort();
    }
  });

  it('gives plain peers their address', async () => {
    const { changes, clock } = setUp([peer('plain', { endpoint: { host: '192.0.2.9', port: 51820 } })]);
    await clock.advance(0);
    expect(changes).toMatchObject([{ peer: { endpoint: transportAddress('192.0.2.9', 51820) } }]);
  });

  it('resolves names, trying again ever more slowly, and does not announce the peer before', async () => {
    let attempts = 0;
    const { clock, told, changes, logger } = setUp(
      [peer('plain', { endpoint: { host: 'host.example', port: 1 } }), peer('b')],
      async () => {
        if (++attempts < 4) throw new Error('SERVFAIL');
        return ['2001:db8::1'];
      },
    );
    expect(await told()).toEqual(['+b']);
    await clock.advance(1000 + 2000);
    expect([attempts, await told()]).toEqual([3, []]);
    await clock.advance(4000);
    expect(changes).toMatchObject([{ peer: { name: 'plain', endpoint: { ip: '2001:db8::1', port: 1 } } }]);
    expect(logger.lines.map((line) => line.fields['retryMs'])).toEqual([1000, 2000, 4000]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('looks a name up again when nothing comes back, and leaves the others alone', async () => {
    const answers = [
      ['192.0.2.1'],
      ['192.0.2.2', '192.0.2.3', '2001:db8::1'],
      ['192.0.2.2', '192.0.2.3', '2001:db8::1'],
    ];
    const named = peer('named', { endpoint: { host: 'host.example', port: 1 } });
    const fixed = peer('fixed', { endpoint: { host: '192.0.2.9', port: 1 } });
    const { discovery, changes, clock, asked } = setUp(
      [named, fixed, peer('signalled')],
      async () => answers.shift() ?? [],
    );
    await clock.advance(0);
    expect(changes.splice(0)).toHaveLength(3);
    for (const key of ['key of fixed', 'key of signalled', 'key of nobody']) discovery.resolveAgain(key);
    await clock.advance(0);
    expect(changes).toEqual([]);
    discovery.resolveAgain('key of named');
    await clock.advance(0);
    expect(changes).toMatchObject([{ kind: 'set', peer: { name: 'named', endpoint: { ip: '192.0.2.2', port: 1 } } }]);
    changes.length = 0;
    discovery.resolveAgain('key of named');
    await clock.advance(0);
    expect(changes).toMatchObject([{ peer: { endpoint: { ip: '192.0.2.3', port: 1 } } }]);
    expect(asked).toEqual([false, true, true]);
  });

  it('stops resolving when the peer goes or the signal aborts', async () => {
    const { clock, discovery, told, controller, done } = setUp([
      peer('a', { endpoint: { host: 'a.example', port: 1 } }),
      peer('b', { endpoint: { host: 'b.example', port: 1 } }),
    ]);
    await told();
    expect(clock.pendingTimers).toBe(2);
    discovery.update([peer('b', { endpoint: { host: 'b.example', port: 1 } })]);
    expect(clock.pendingTimers).toBe(1);
    controller.abort();
    await Promise.race([done, delay(1000).then(() => Promise.reject(new Error('did not end')))]);
    expect(clock.pendingTimers).toBe(0);
  });
});
