import { formatAddress, transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { CandidateType } from '../../../src/contracts/candidate.js';
import type { EnginePath } from '../../../src/engine/engine-path.js';
import type { CandidatePair } from '../../../src/engine/pairs/candidate-pair.js';
import { Checklist } from '../../../src/engine/pairs/checklist.js';
import { PairForming } from '../../../src/engine/pairs/pair-forming.js';
import type { RemoteCandidate } from '../../../src/engine/pairs/remote-candidates.js';
import type { World } from '../../../src/engine/world.js';
import { BASES, remote } from '../sample-pairs.js';

type BaseName = keyof typeof BASES;

/** A node with these bases, whose own candidate is 192.0.2.1:51820 and whose tunnel is 10.77.0.0/16. */
function node(bases: readonly BaseName[] = ['udp4'], { maxPairs = 3, own = '192.0.2.1' } = {}) {
  const checklist = new Checklist(maxPairs);
  let world: World = {
    settings: { holePunchTimeoutMs: 15_000, maxCandidatePairs: maxPairs, hardNat: true },
    localId: { runId: '00', generation: 0, revision: 0 },
    signalingUp: true,
    local: {
      bases: bases.map((name) => BASES[name]),
      candidates: [remote('host', own, { port: 51_820 })],
      natBehavior: { mapping: null, filtering: null },
    },
    inOwnNetwork: ({ ip }) => ip.startsWith('10.77.'),
  };
  let inUse: ReturnType<Checklist['get']>;
  let gone: readonly CandidatePair[] = [];
  const forming = new PairForming({ checklist, loops: { why: () => undefined } });
  const form = () => {
    gone = forming.form(world, inUse);
  };
  return {
    checklist,
    form,
    /** An allocation is to be closed once nothing uses it. */
    retires: (retiring: BaseName | undefined) => {
      const of = (name: BaseName) => (name === retiring ? { ...BASES[name], isRetiring: true } : BASES[name]);
      world = { ...world, local: { ...world.local, bases: bases.map(of) } };
      form();
    },
    retiring: () => [...checklist.pairs.values()].filter(({ isRetiring }) => isRetiring).map(({ key }) => key),
    gone: () => gone.map(({ path }) => path),
    found(path: EnginePath, now: number, check?: { candidateType: CandidateType; priority: number }) {
      if (!forming.heardAt(path, check, world, now)) return undefined;
      form();
      return checklist.get(path);
    },
    use: (path: { base: BaseName; to: string }) => {
      const [ip = '', port = ''] = path.to.split(' ');
      inUse = checklist.get({ baseId: path.base, remote: transportAddress(ip, Number(port)) });
    },
    signals(...remotes: readonly RemoteCandidate[]) {
      checklist.setSignalled(remotes);
      form();
    },
    pairs: () => [...checklist.pairs.values()].map(({ base, remote: { address } }) => `${base.id} ${address.ip}`),
    rejected: () => checklist.rejections.map((one) => `${one.remote.address.ip}: ${one.reason}`),
  };
}

const many = (count: number, type: CandidateType = 'host') =>
  Array.from({ length: count }, (_, i) => remote(type, `198.51.100.${String(i + 1)}`, { priority: 1000 - i }));
const ips = (from: number, to: number, base = 'udp4') =>
  Array.from({ length: to - from + 1 }, (_, i) => `${base} 198.51.100.${String(from + i)}`);

interface Formed {
  readonly bases?: readonly BaseName[];
  readonly signalled: readonly RemoteCandidate[];
  readonly pairs: readonly string[];
  readonly rejected?: readonly string[];
}

describe('pairs are formed', () => {
  it.each<[string, Formed]>([
    [
      'of every base with every candidate of its family',
      {
        bases: ['udp4', 'udp6', 'relay'],
        signalled: [remote('host', '198.51.100.1', { priority: 2 }), remote('host', '2001:db8::1', { priority: 1 })],
        pairs: ['udp4 198.51.100.1', 'udp6 2001:db8::1', 'relay 198.51.100.1'],
      },
    ],
    [
      'of none whose family has no socket here',
      {
        signalled: [remote('host', '2001:db8::1')],
        pairs: [],
        rejected: ['2001:db8::1: no IPv6 socket here'],
      },
    ],
    [
      'of up to the limit, the highest priority first',
      {
        signalled: many(5),
        pairs: ips(1, 3),
        rejected: ['198.51.100.4: more than 3 candidate pairs', '198.51.100.5: more than 3 candidate pairs'],
      },
    ],
    [
      'of at least one for each type and family beyond the limit',
      {
        bases: ['udp4', 'udp6'],
        signalled: [
          ...many(4),
          remote('server-reflexive', '203.0.113.1', { priority: 9 }),
          remote('server-reflexive', '203.0.113.2', { priority: 8 }),
          remote('host', '2001:db8::1', { priority: 7 }),
        ],
        pairs: [...ips(1, 3), 'udp4 203.0.113.1', 'udp6 2001:db8::1'],
        rejected: ['198.51.100.4: more than 3 candidate pairs', '203.0.113.2: more than 3 candidate pairs'],
      },
    ],
    [
      'of four relayed candidates at most, which do not count for the limit',
      {
        signalled: [...many(3), ...many(8, 'relayed').slice(3)],
        pairs: ips(1, 7),
        rejected: ['198.51.100.8: more than 4 relayed candidates'],
      },
    ],
    [
      'of none that is claimed to be peer-reflexive',
      {
        signalled: [remote('peer-reflexive', '198.51.100.1')],
        pairs: [],
        rejected: ['198.51.100.1: peer-reflexive candidates are found, not signalled'],
      },
    ],
    [
      'of sixteen candidates with each allocation, the lowest priority first',
      {
        bases: ['relay', 'relay2'],
        signalled: many(18),
        pairs: [...ips(3, 18).flatMap((text) => [text.replace('udp4', 'relay'), text.replace('udp4', 'relay2')])],
        rejected: [2, 2, 1, 1].map((last) => `198.51.100.${String(last)}: more than 16 pairs of a relay`),
      },
    ],
    [
      'once for an address that is told twice, of the better type',
      {
        signalled: [remote('server-reflexive', '198.51.100.1'), remote('host', '198.51.100.1')],
        pairs: ['udp4 198.51.100.1'],
      },
    ],
  ])('%s', (_what, { bases, signalled, pairs, rejected = [] }) => {
    const here = node(bases);
    here.signals(...signalled);
    expect(here.pairs()).toEqual(pairs);
    expect(here.rejected().sort()).toEqual([...rejected].sort());
  });
});

describe('an address is refused', () => {
  it.each([
    ['that is reached through our own interface', '10.77.0.9', 'reached through our own interface: a loop'],
    ['that is so in a wrapping', '64:ff9b::a4d:9', 'reached through our own interface: a loop'],
    ['without a port', '198.51.100.1:0', 'it has no port'],
    ['with a zone', '2001:db8::1%eth0', 'it has a zone, which means nothing to anybody else'],
    ['that is nobody’s', '224.0.0.1', 'nobody’s address: unspecified, multicast, broadcast or reserved'],
    ['that is link-local in IPv6', 'fe80::1', 'a link-local address'],
    ['of a loopback', '127.0.0.1', 'a loopback address, and this node offers none itself'],
    ['that is link-local in IPv4', '169.254.1.1', 'a link-local address, and this node offers none itself'],
    ['that is fine', '198.51.100.1', undefined],
    ['that is private', '192.168.1.1', undefined],
  ])('%s: %s', (_what, text, reason) => {
    const port = text.endsWith(':0') && !text.includes('::') ? 0 : 40_000;
    const ip = port === 0 ? text.slice(0, -2) : text;
    const here = node(['udp4', 'udp6']);
    here.signals(remote('host', ip, { port }));
    expect(here.checklist.rejections.map((one) => one.reason)).toEqual(reason === undefined ? [] : [reason]);
    expect(here.checklist.pairs.size).toBe(reason === undefined ? 1 : 0);
  });

  it('that is our own', () => {
    const here = node();
    here.signals(remote('host', '192.0.2.1', { port: 51_820 }), remote('host', '192.0.2.1', { port: 51_821 }));
    expect(here.rejected()).toEqual(['192.0.2.1: an address of our own']);
    expect(here.pairs()).toEqual(['udp4 192.0.2.1']);
  });

  it.each([
    ['127.0.0.1', '127.0.0.2'],
    ['169.254.1.1', '169.254.1.2'],
  ])('but not where we offer one of its kind ourselves: %s', (own, theirs) => {
    const here = node(['udp4'], { own });
    here.signals(remote('host', theirs));
    expect(here.pairs()).toEqual([`udp4 ${theirs}`]);
  });
});

describe('pairs are formed anew after a change', () => {
  const path = { baseId: 'udp4', remote: transportAddress('198.51.100.1', 40_000) };

  it('what is known of those that stay is kept', () => {
    const here = node();
    here.signals(...many(2));
    const before = here.checklist.get(path);
    here.signals(...many(1));
    expect(here.checklist.get(path)).toBe(before);
    expect(here.pairs()).toEqual(ips(1, 1));
  });

  it('proven pairs go before better candidates', () => {
    const here = node();
    const weak = remote('host', '198.51.100.9', { priority: 1 });
    here.signals(weak);
    here.checklist.get({ baseId: 'udp4', remote: weak.address })?.answered(0, 10);
    here.signals(...many(5), weak);
    expect(here.pairs()).toEqual(['udp4 198.51.100.9', ...ips(1, 2)]);
  });

  it('the pair in use stays without its candidate', () => {
    const here = node();
    here.signals(...many(1));
    here.use({ base: 'udp4', to: '198.51.100.1 40000' });
    here.signals();
    expect(here.pairs()).toEqual(ips(1, 1));
  });

  it('those of an allocation that goes are worse than others, until it stays after all', () => {
    const { signals, retires, retiring } = node(['relay', 'relay2']);
    signals(remote('host', '198.51.100.1'));
    expect(retiring()).toEqual([]);
    retires('relay');
    expect(retiring()).toEqual(['relay>198.51.100.1:40000']);
    retires(undefined);
    expect(retiring()).toEqual([]);
  });

  it('so is one in use through an allocation that the peer tells no more', () => {
    const { signals, use, retiring, pairs } = node();
    signals(remote('relayed', '203.0.113.1'), remote('host', '198.51.100.1'));
    use({ base: 'udp4', to: '203.0.113.1 40000' });
    expect(retiring()).toEqual([]);
    signals(remote('relayed', '203.0.113.2'));
    expect(pairs()).toEqual(['udp4 203.0.113.2', 'udp4 203.0.113.1']);
    expect(retiring()).toEqual(['udp4>203.0.113.1:40000']);
  });

  it('so is one where the peer is heard from such an allocation again, until it tells it again', () => {
    const { signals, found, retiring } = node();
    signals(remote('relayed', '203.0.113.1'));
    signals(remote('relayed', '203.0.113.2'));
    const path = { baseId: 'udp4', remote: transportAddress('203.0.113.1', 40_000) };
    expect(found(path, 0)?.connection).toBe('relayed');
    expect(retiring()).toEqual(['udp4>203.0.113.1:40000']);
    signals(remote('relayed', '203.0.113.1'));
    expect(retiring()).toEqual([]);
  });

  it('what is gone is told, so that its relay can be', () => {
    const here = node(['relay']);
    here.signals(...many(2));
    here.signals(...many(1));
    expect(here.gone()).toEqual([{ baseId: 'relay', remote: transportAddress('198.51.100.2', 40_000) }]);
  });
});

describe('where the peer is heard without having said so', () => {
  const found = (here: ReturnType<typeof node>, count: number, base: BaseName = 'udp4', gapMs = 0) =>
    Array.from({ length: count }, (_, i) => {
      const address = transportAddress('203.0.113.5', 1024 + i);
      return here.found({ baseId: base, remote: address }, i * gapMs, { candidateType: 'host', priority: 7 });
    }).filter((pair) => pair !== undefined).length;

  it.each<[string, { check?: CandidateType; type: CandidateType }]>([
    ['a peer-reflexive candidate is made, whatever its check claims', { check: 'host', type: 'peer-reflexive' }],
    ['or a relayed one: only a relay knows', { check: 'relayed', type: 'relayed' }],
    ['data makes one too', { type: 'peer-reflexive' }],
  ])('%s', (_what, { check, type }) => {
    const here = node();
    const path = { baseId: 'udp4', remote: transportAddress('203.0.113.5', 1024) };
    const pair = here.found(path, 0, check && { candidateType: check, priority: 7 });
    expect(pair?.remote.type).toBe(type);
    expect(pair && formatAddress(pair.remote.address)).toBe('203.0.113.5:1024');
  });

  it.each<[string, BaseName, number, number, number]>([
    ['eight are taken up at once', 'udp4', 20, 0, 8],
    ['and then one in ten seconds', 'udp4', 20, 5000, 8 + 9],
    ['sixteen through a relay', 'relay', 30, 0, 16],
    ['and then one a second', 'relay', 60, 500, 16 + 29],
  ])('%s', (_what, base, count, gapMs, taken) => {
    expect(found(node(['udp4', 'relay']), count, base, gapMs)).toBe(taken);
  });

  it('no more than sixteen are remembered', () => {
    const here = node(['relay']);
    found(here, 100, 'relay', 10_000);
    expect(here.checklist.pairs.size).toBe(16);
  });

  it('one that is signalled later takes the signalled type, and is no other', () => {
    const here = node();
    found(here, 1);
    here.signals(remote('server-reflexive', '203.0.113.5', { port: 1024 }));
    expect([...here.checklist.pairs.values()].map((pair) => pair.remote.type)).toEqual(['server-reflexive']);
    expect(here.checklist.remotes.all).toHaveLength(1);
  });

  it.each<[string, string, string]>([
    ['none at a refused address', 'udp4', '127.0.0.1'],
    ['none on a base that is gone', 'udp4-7', '203.0.113.5'],
  ])('%s', (_what, baseId, ip) => {
    const here = node();
    expect(here.found({ baseId, remote: transportAddress(ip, 1024) }, 0)).toBeUndefined();
  });

  it('those that came to nothing are forgotten when probing ends', () => {
    const here = node();
    found(here, 2);
    const [first] = here.checklist.pairs.values();
    first?.answered(0, 10);
    here.checklist.endProbing();
    here.form();
    expect([...here.checklist.pairs.values()]).toEqual([first]);
  });
});
