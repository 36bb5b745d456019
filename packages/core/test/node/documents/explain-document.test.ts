import { describe, expect, it } from 'vitest';
import type { Peer } from '../../../src/contracts/peer-discovery.js';
import { explainDocument } from '../../../src/node/documents/explain-document.js';
import { host, TwoEngines } from '../../engine/two-engines.js';

const B: Peer = { name: 'b', publicKey: 'B-greater', allowedIps: [], keepaliveSeconds: 25 };
const A_IP = '192.0.2.1';

/** What A is told of B after ten seconds. @param lost source and destination of checks that do not arrive. */
function explained(lost: (from: string, to: string) => boolean, { asked = true } = {}) {
  const net = new TwoEngines(5);
  net.blocked = (from, to, kind) => kind !== 'data' && lost(from.ip, to.ip);
  net.describe(net.a, [host(A_IP)]);
  net.describe(net.b, [host('192.0.2.2')]);
  net.start(net.a);
  net.start(net.b);
  net.run(10_000);
  if (asked) net.handle(net.a, { type: 'ask-for-evidence', peer: net.b.key });
  net.run(10_100);
  const view = net.view(net.a);
  return explainDocument({
    peer: B,
    view,
    seen: net.pairsView(net.a),
    peerPairs: view.peerEvidence,
    localCandidates: [],
    problems: [],
    signalingUp: true,
    relayUrl: () => undefined,
  });
}

describe('what a node is told of a peer', () => {
  it('has every pair with its evidence, from both ends', () => {
    const { connection, advice, pairs, peerPairs } = explained(() => false);
    expect([connection, advice]).toEqual(['direct', []]);
    const seen = { connection: 'direct', verdict: 'in use', active: true, local: 'UDP over IPv4' };
    const evidence = expect.stringMatching(/^\d checks sent, \d answered, \d received/) as unknown;
    expect(pairs).toMatchObject([{ ...seen, remote: '192.0.2.2:51820', evidence }]);
    expect(peerPairs).toEqual([{ ...seen, remote: '192.0.2.1:51820', evidence }]);
  });

  const cases = {
    'ours do not arrive there': {
      lost: (from: string) => from === A_IP,
      advice: /arrive here, ours do not arrive there/,
    },
    'its own do not arrive here': {
      lost: (_from: string, to: string) => to === A_IP,
      advice: /Our checks arrive at the peer/,
    },
    'none arrives anywhere': { lost: () => true, advice: /No UDP from the peer arrives/ },
  };
  it.for(Object.entries(cases))('where %s, says on which side', ([, { lost, advice }]) => {
    expect(explained(lost).advice).toEqual([expect.stringMatching(advice)]);
  });

  it('does without a peer that says nothing', () => {
    const { peerPairs, advice } = explained((from) => from === A_IP, { asked: false });
    expect(peerPairs).toBe(null);
    expect(advice).toEqual([expect.stringMatching(/answers do not come back/)]);
  });
});

describe('a pair that leads through our own tunnel', () => {
  it('is a loop, by what showed it, and what its owner can do is told', () => {
    const net = new TwoEngines(5);
    const near = { type: 'server-reflexive', address: host('192.0.2.2').address, priority: 1 } as const;
    net.describe(net.a, [host(A_IP)]);
    net.describe(net.b, [near, host('192.168.77.2')]);
    net.wrapped = (_sender, to) => (to.ip === '192.168.77.2' ? 'plain' : undefined);
    net.start(net.a);
    net.start(net.b);
    net.run(5000);
    const { connection, pairs, advice } = explainDocument({
      peer: B,
      view: net.view(net.a),
      seen: net.pairsView(net.a),
      peerPairs: undefined,
      localCandidates: [],
      problems: [],
      signalingUp: true,
      relayUrl: () => undefined,
    });
    expect(connection).toBe('hole-punched');
    expect(pairs.find(({ remote }) => remote === '192.168.77.2:51820')).toMatchObject({
      local: 'UDP over IPv4',
      verdict: 'loop',
      evidence: 'reached through our own tunnel: a check that was sent there came out of our own interface',
    });
    expect(advice).toEqual([expect.stringMatching(/^192\.168\.77\.2 .* interfaces\.exclude .* at b/)]);
  });
});
