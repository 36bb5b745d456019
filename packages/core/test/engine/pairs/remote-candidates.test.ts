import { formatAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { RemoteCandidates } from '../../../src/engine/pairs/remote-candidates.js';
import { BASES, remote } from '../sample-pairs.js';

const told = (candidates: RemoteCandidates) =>
  candidates.all.map(({ type, address }) => `${type} ${formatAddress(address)}`);
const refused = (candidates: RemoteCandidates) =>
  candidates.unheeded.map(({ remote: { address }, reason }) => `${formatAddress(address)}: ${reason}`);

const HOST = remote('host', '192.0.2.1', { port: 1, priority: 9 });
const SEEN = remote('server-reflexive', '192.0.2.2', { port: 2, priority: 5 });
const RELAYED = remote('relayed', '192.0.2.3', { port: 3, priority: 1 });

describe('where a peer says that it is', () => {
  it('is sorted by priority, each address once, at its best', () => {
    const candidates = new RemoteCandidates();
    candidates.setSignalled([RELAYED, HOST, SEEN, { ...HOST, type: 'server-reflexive', priority: 8 }]);
    expect(told(candidates)).toEqual(['host 192.0.2.1:1', 'server-reflexive 192.0.2.2:2', 'relayed 192.0.2.3:3']);
    expect(candidates.signalled(SEEN.address)).toBe(SEEN);
    expect(candidates.signalled(remote('host', '192.0.2.9').address)).toBeUndefined();
    expect(refused(candidates)).toEqual([]);
  });

  it('takes the place of what it said before', () => {
    const candidates = new RemoteCandidates();
    candidates.setSignalled([HOST, SEEN]);
    candidates.setSignalled([SEEN]);
    expect(told(candidates)).toEqual(['server-reflexive 192.0.2.2:2']);
  });

  it('is heeded with four relayed candidates, the best, and none that it calls peer-reflexive', () => {
    const candidates = new RemoteCandidates();
    const relayed = [1, 2, 3, 4, 5, 6].map((port) => remote('relayed', '192.0.2.3', { port, priority: port }));
    candidates.setSignalled([...relayed, remote('peer-reflexive', '192.0.2.4', { port: 4 })]);
    expect(told(candidates).sort()).toEqual([3, 4, 5, 6].map((port) => `relayed 192.0.2.3:${port}`));
    expect(refused(candidates)).toEqual([
      '192.0.2.3:2: more than 4 relayed candidates',
      '192.0.2.3:1: more than 4 relayed candidates',
      '192.0.2.4:4: peer-reflexive candidates are found, not signalled',
    ]);
    candidates.setSignalled([HOST]);
    expect(refused(candidates)).toEqual([]);
  });
});

describe('where a peer was found without having said so', () => {
  const found = (port: number) => remote('peer-reflexive', '192.0.2.5', { port });

  it('is known until it says so itself', () => {
    const candidates = new RemoteCandidates();
    const suggested = { ...HOST, type: 'peer-reflexive' } as const;
    candidates.addSuggested(suggested);
    expect(candidates.isUnsignalled(HOST)).toBe(true);
    candidates.setSignalled([HOST]);
    expect([told(candidates), candidates.isUnsignalled(HOST)]).toEqual([['host 192.0.2.1:1'], false]);
    candidates.addSuggested(suggested);
    candidates.addPeerReflexive(BASES.udp4, suggested, 0);
    expect(told(candidates)).toEqual(['host 192.0.2.1:1']);
  });

  it.each([
    ['on a socket eight at once, and one each ten seconds', BASES.udp4, 8, 10_000],
    ['through a relay sixteen at once, and one each second', BASES.relay, 16, 1000],
  ])('%s', (_what, base, atOnce, everyMs) => {
    const candidates = new RemoteCandidates();
    for (let port = 1; port <= 40; port += 1) candidates.addPeerReflexive(base, found(port), 0);
    expect(candidates.all.length).toBe(atOnce);
    candidates.addPeerReflexive(base, found(100), everyMs - 1);
    expect(told(candidates)).not.toContain('peer-reflexive 192.0.2.5:100');
    candidates.addPeerReflexive(base, found(101), everyMs);
    candidates.addPeerReflexive(base, found(102), everyMs);
    expect(told(candidates)).toContain('peer-reflexive 192.0.2.5:101');
    expect(told(candidates)).not.toContain('peer-reflexive 192.0.2.5:102');
    // One that is known takes nothing of that.
    candidates.addPeerReflexive(base, found(101), 2 * everyMs);
    candidates.addPeerReflexive(base, found(103), 2 * everyMs);
    expect(told(candidates)).toContain('peer-reflexive 192.0.2.5:103');
  });

  it('is forgotten, the oldest first, where there are more than sixteen', () => {
    const candidates = new RemoteCandidates();
    for (let port = 1; port <= 18; port += 1) candidates.addSuggested(found(port));
    expect(candidates.all.map(({ address }) => address.port)).toEqual(Array.from({ length: 16 }, (_, i) => i + 3));
  });

  it('is forgotten where nothing came of it; what somebody suggested is not', () => {
    const candidates = new RemoteCandidates();
    candidates.addSuggested(HOST);
    for (const port of [1, 2]) candidates.addPeerReflexive(BASES.udp4, found(port), 0);
    candidates.forgetUnproven(({ address }) => address.port === 2);
    expect(told(candidates)).toEqual(['host 192.0.2.1:1', 'peer-reflexive 192.0.2.5:2']);
  });

  it('is forgotten with the network that it was found on, and room is made for as many again', () => {
    const candidates = new RemoteCandidates();
    candidates.setSignalled([SEEN]);
    for (let port = 1; port <= 8; port += 1) candidates.addPeerReflexive(BASES.udp4, found(port), 0);
    candidates.forgetUnsignalled();
    expect(told(candidates)).toEqual(['server-reflexive 192.0.2.2:2']);
    for (let port = 1; port <= 9; port += 1) candidates.addPeerReflexive(BASES.udp4, found(port), 0);
    expect(candidates.all.length).toBe(9);
  });
});
