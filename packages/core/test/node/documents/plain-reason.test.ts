import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { TransportPeerStats } from '../../../src/contracts/transport.js';
import type { PeerStatus } from '../../../src/node/documents/documents.js';
import { plainAdvice, plainReason } from '../../../src/node/documents/plain-reason.js';

const NOW = 1_800_000_000_000;
const silent: TransportPeerStats = {
  publicKey: 'peer',
  lastHandshakeMs: null,
  rxBytes: 0,
  txBytes: 0,
  endpoint: transportAddress('198.51.100.7', 51_820),
};

describe('a peer of which only WireGuard knows', () => {
  it.each<[string, Partial<TransportPeerStats>, string | null]>([
    ['has a session', { lastHandshakeMs: NOW - 179_000 }, null],
    [
      'has had one',
      { lastHandshakeMs: NOW - 600_000 },
      'the last handshake is 10 min old: nothing was sent since then, or nothing comes back',
    ],
    ['answers nothing', { txBytes: 148 }, 'nothing has answered at 198.51.100.7:51820 so far'],
    [
      'answers something else',
      { txBytes: 148, rxBytes: 40 },
      'what comes from 198.51.100.7:51820 is no answer to our handshakes',
    ],
    ['was not called yet', {}, 'no handshake was begun yet'],
    ['cannot be called', { endpoint: null }, 'it has no endpoint, and has to call first'],
  ])('%s', (_what, stats, reason) => {
    expect(plainReason({ ...silent, ...stats }, NOW)).toBe(reason);
  });

  it('is a case for a look at both ends, unless it is connected', () => {
    const status = { name: 'b', endpoint: '198.51.100.7:51820', reason: 'nothing' } as PeerStatus;
    expect(plainAdvice(status)).toHaveLength(2);
    expect(plainAdvice({ ...status, endpoint: null })).toEqual([expect.stringMatching(/^Give b an `endpoint`/)]);
    expect(plainAdvice({ ...status, reason: null })).toEqual([]);
  });
});
