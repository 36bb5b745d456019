import { memoryLogger, type PeerStatus } from '@wirepath/core';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { logConnectionChanges } from '../src/node/change-log.js';
import { peerStatus } from './fixtures.js';

function observe() {
  const listeners = new Set<(publicKey: string | undefined) => void>();
  const logger = memoryLogger();
  let peers: PeerStatus[] = [];
  const log = logConnectionChanges(
    {
      peerStatus: (publicKey) => peers.find((peer) => peer.publicKey === publicKey),
      onChange: (listener) => {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
    },
    logger,
  );
  const change = async (next: PeerStatus[]): Promise<string[]> => {
    const before = logger.lines.length;
    const keys = new Set([...peers, ...next].map(({ publicKey }) => publicKey));
    peers = next;
    for (const listener of listeners)
      for (let i = 0; i < 5; i++) for (const publicKey of [undefined, ...keys]) listener(publicKey);
    await turn();
    return logger.lines.slice(before).map(({ message }) => message);
  };
  return { change, log, listeners, logger };
}

describe('the log of connections', () => {
  it('has one line per change, with where datagrams go and why they do not', async () => {
    const { change, logger } = observe();
    expect(await change([peerStatus({ connection: 'connecting', endpoint: null })])).toEqual(['peer b is connecting']);
    expect(await change([peerStatus({ connection: 'direct', endpoint: '10.0.0.2:1' })])).toEqual([
      'peer b is direct (10.0.0.2:1)',
    ]);
    expect(logger.lines.at(-1)?.fields).toMatchObject({ peer: 'b', connection: 'direct', previous: 'connecting' });
    expect(await change([peerStatus({ connection: 'direct', endpoint: '10.0.0.2:1', rttMs: 5 })])).toEqual([]);
    const gone = peerStatus({ connection: 'unreachable', endpoint: null, reason: 'no pair answered' });
    expect(await change([gone])).toEqual(['peer b is unreachable: no pair answered']);
  });

  it('forgets a peer that was removed', async () => {
    const { change } = observe();
    await change([peerStatus({ connection: 'direct' })]);
    await change([]);
    expect(await change([peerStatus({ connection: 'direct' })])).toHaveLength(1);
  });

  it('ends when disposed', async () => {
    const { change, log, listeners } = observe();
    log[Symbol.dispose]();
    expect(listeners.size).toBe(0);
    expect(await change([peerStatus()])).toEqual([]);
  });
});
