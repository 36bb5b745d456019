import type { NatBehavior, NatDependence } from '@wirepath/core/plugin';
import { describe, expect, it } from 'vitest';
import { MemoryInternet, type NatOptions } from './memory-internet.js';
import { at, MemoryStunServer, type StunServerOptions } from './memory-stun-server.js';
import { NodeUnderTest } from './node-under-test.js';

const EI = 'endpoint-independent';
const AD = 'address-dependent';
const APD = 'address-and-port-dependent';
const DEPENDENCES: readonly NatDependence[] = [EI, AD, APD];

const SERVER = '203.0.113.10:3478';
const ALTERNATE = '203.0.113.11:3479';
const ELSEWHERE = '203.0.113.20:3478';
const THIRD = '203.0.113.30:3478';

const SILENT: StunServerOptions = { answer: () => undefined };

type Servers = Readonly<Record<string, StunServerOptions>>;

function node(nat: NatOptions | undefined, servers: Servers): NodeUnderTest {
  const internet = new MemoryInternet();
  for (const [listen, options] of Object.entries(servers)) new MemoryStunServer(internet, listen, options);
  return new NodeUnderTest(internet, { servers: Object.keys(servers), ...(nat && { nat }) });
}

async function behaviorBehind(nat: NatOptions | undefined, servers: Servers): Promise<NatBehavior | undefined> {
  const one = node(nat, servers);
  await one.gather();
  return one.source.natBehavior();
}

const every = DEPENDENCES.flatMap((mapping) => DEPENDENCES.map((filtering) => ({ mapping, filtering })));

describe('one server with OTHER-ADDRESS tells', () => {
  it.each(every)('mapping $mapping, filtering $filtering', async (kind) => {
    expect(await behaviorBehind(kind, { [SERVER]: { alternate: ALTERNATE } })).toEqual(kind);
  });

  // The one that it cannot tell, and why, is below.
  it.each(every.filter(({ mapping, filtering }) => !(mapping === AD && filtering === AD)))(
    'mapping $mapping, filtering $filtering, of a NAT that keeps port numbers',
    async (kind) => {
      expect(await behaviorBehind({ ...kind, keepsPorts: true }, { [SERVER]: { alternate: ALTERNATE } })).toEqual(kind);
    },
  );

  it('that there is no NAT', async () => {
    expect(await behaviorBehind(undefined, { [SERVER]: { alternate: ALTERNATE } })).toEqual({
      mapping: EI,
      filtering: EI,
    });
  });

  it.each(every)('mapping $mapping, filtering $filtering, although every first datagram is lost', async (kind) => {
    const one = node(kind, { [SERVER]: { alternate: ALTERNATE } });
    const seen = new Set<string>();
    one.internet.loses = ({ from, to, bytes }) => {
      const key = `${from.ip} ${to.ip} ${Buffer.from(bytes.subarray(0, 20)).toString('hex')}`;
      return seen.size < seen.add(key).size;
    };
    await one.gather();
    expect(one.source.natBehavior()).toEqual(kind);
  });
});

describe('a NAT that keeps port numbers and filters by address, whichever port it comes to', () => {
  const addrcone = { mapping: EI, filtering: AD, keepsPorts: true, filtersByHost: true } as const;

  it('is named rightly by every run, because none opens its filter to the alternate address', async () => {
    const first = node(addrcone, { [SERVER]: { alternate: ALTERNATE } });
    await first.gather();
    expect(first.source.natBehavior()).toEqual({ mapping: EI, filtering: AD });
    for (let run = 0; run < 2; run += 1) {
      const again = new NodeUnderTest(first.internet, { servers: [SERVER], datagrams: first.datagrams });
      await again.gather();
      expect(again.source.natBehavior()).toEqual({ mapping: EI, filtering: AD });
    }
    expect(first.internet.sent.filter(({ to }) => to.ip === at(ALTERNATE).ip)).toEqual([]);
  });

  it('costs the difference to a mapping by address, of a NAT that would keep port numbers then: no other server, no proof', async () => {
    const rare = { mapping: AD, filtering: AD, keepsPorts: true } as const;
    expect(await behaviorBehind(rare, { [SERVER]: { alternate: ALTERNATE } })).toEqual({ mapping: EI, filtering: AD });
    expect(await behaviorBehind(rare, { [SERVER]: { alternate: ALTERNATE }, [ELSEWHERE]: {} })).toEqual({
      mapping: AD,
      filtering: AD,
    });
  });
});

describe('without OTHER-ADDRESS', () => {
  const cases: readonly { name: string; nat: NatDependence; servers: Servers; mapping: NatDependence | null }[] = [
    { name: 'one server cannot tell', nat: EI, servers: { [SERVER]: {} }, mapping: null },
    { name: 'two servers tell', nat: EI, servers: { [SERVER]: {}, [ELSEWHERE]: {} }, mapping: EI },
    { name: 'two servers tell', nat: APD, servers: { [SERVER]: {}, [ELSEWHERE]: {} }, mapping: APD },
    {
      name: 'two ports of one IP address do not tell that a mapping is independent',
      nat: EI,
      servers: { [SERVER]: {}, '203.0.113.10:3480': {} },
      mapping: null,
    },
    {
      name: 'two ports of one IP address tell',
      nat: APD,
      servers: { [SERVER]: {}, '203.0.113.10:3480': {} },
      mapping: APD,
    },
    {
      name: 'two ports of one IP address and another one tell',
      nat: AD,
      servers: { [SERVER]: {}, '203.0.113.10:3480': {}, [ELSEWHERE]: {} },
      mapping: AD,
    },
    {
      name: 'two that agree are believed, and not a third that lies',
      nat: EI,
      servers: { [THIRD]: { answer: liesWith('192.0.2.66:6666') }, [SERVER]: {}, [ELSEWHERE]: {} },
      mapping: EI,
    },
    {
      name: 'a server that reports a private address does not count',
      nat: EI,
      servers: { [THIRD]: { answer: liesWith('10.0.0.2:51820') }, [SERVER]: {} },
      mapping: null,
    },
    {
      name: 'a server that is silent does not count',
      nat: EI,
      servers: { [THIRD]: SILENT, [SERVER]: {} },
      mapping: null,
    },
  ];

  it.each(cases)('$name: a mapping that is $nat', async ({ nat, servers, mapping }) => {
    expect(await behaviorBehind({ mapping: nat, filtering: APD }, servers)).toEqual({ mapping, filtering: null });
  });
});

describe('a server that does not do as OTHER-ADDRESS promises', () => {
  const other = `${at(ALTERNATE).ip}:3478`;
  const otherPort = `${at(SERVER).ip}:3479`;
  const cases: readonly { name: string; server: StunServerOptions; expected: Record<string, NatBehavior> }[] = [
    {
      name: 'it ignores CHANGE-REQUEST',
      server: { alternate: ALTERNATE, from: (here) => here },
      expected: { [EI]: { mapping: EI, filtering: null }, [APD]: { mapping: EI, filtering: null } },
    },
    {
      name: 'it refuses CHANGE-REQUEST',
      server: {
        alternate: ALTERNATE,
        from: (here) => here,
        answer: (fields, { bytes }) =>
          bytes.length > 28 ? { ...fields, class: 'error', errorCode: { code: 420, reason: 'Unknown' } } : fields,
      },
      expected: { [EI]: { mapping: EI, filtering: null }, [APD]: { mapping: EI, filtering: null } },
    },
    {
      name: 'its alternate addresses are dead',
      server: { alternate: ALTERNATE, dead: [other, otherPort, ALTERNATE] },
      expected: { [EI]: { mapping: null, filtering: null }, [APD]: { mapping: null, filtering: null } },
    },
    {
      name: 'its other IP address is dead',
      server: { alternate: ALTERNATE, dead: [other, ALTERNATE] },
      // The other port answers when it is asked, and its answer does not come unasked: that is proof.
      expected: { [EI]: { mapping: null, filtering: null }, [APD]: { mapping: null, filtering: APD } },
    },
    {
      name: 'it names an address of a private network',
      server: { answer: (fields) => ({ ...fields, otherAddress: at('192.168.0.1:3479') }) },
      expected: { [EI]: { mapping: null, filtering: null }, [APD]: { mapping: null, filtering: null } },
    },
    {
      name: 'it names its own address',
      server: { answer: (fields) => ({ ...fields, otherAddress: at(SERVER) }) },
      expected: { [EI]: { mapping: null, filtering: null }, [APD]: { mapping: null, filtering: null } },
    },
  ];
  const rows = cases.flatMap(({ name, server, expected }) =>
    Object.entries(expected).map(([filtering, behavior]) => ({
      name,
      server,
      filtering: filtering as NatDependence,
      behavior,
    })),
  );

  it.each(rows)(
    '$name: what it does not show of filtering $filtering stays open',
    async ({ server, filtering, behavior }) => {
      expect(await behaviorBehind({ mapping: EI, filtering }, { [SERVER]: server })).toEqual(behavior);
    },
  );

  it.each(cases)('$name: another server does it', async ({ server }) => {
    const kind = { mapping: APD, filtering: AD } as const;
    const servers = { [SERVER]: server, [ELSEWHERE]: { alternate: '203.0.113.21:3479', delayMs: 1 } };
    expect(await behaviorBehind(kind, servers)).toEqual(kind);
  });
});

describe('the discovery', () => {
  it('sends nothing to the alternate address before filtering is judged, and nothing from the shared socket', async () => {
    const one = node({ mapping: EI, filtering: APD }, { [SERVER]: { alternate: ALTERNATE } });
    await one.gather();
    const { sent } = one.internet;
    const sharedPort = one.found[0]?.address.port;
    const own = sent.filter(({ from }) => from.ip === '198.51.100.1');
    const lastFilteringTest = own.findLastIndex(({ bytes }) => bytes.length > 28);
    const firstToAlternate = own.findIndex(({ to }) => to.ip !== at(SERVER).ip || to.port !== at(SERVER).port);
    expect(lastFilteringTest).toBeGreaterThan(0);
    expect(firstToAlternate).toBeGreaterThan(lastFilteringTest);
    expect(own.filter(({ from }) => from.port === sharedPort)).toHaveLength(1);
  });

  it.each([10, 100, 250])('takes no more than 2 s, with a round trip of %i ms', async (rttMs) => {
    for (const filtering of DEPENDENCES) {
      const one = node({ mapping: EI, filtering }, { [SERVER]: { alternate: ALTERNATE, delayMs: rttMs - 20 } });
      expect(await one.gather()).toBeLessThanOrEqual(rttMs + 2000);
      expect(one.source.natBehavior()).toEqual({ mapping: EI, filtering });
    }
  });

  it('closes its socket', async () => {
    const one = node({ mapping: EI, filtering: APD }, { [SERVER]: { alternate: ALTERNATE } });
    await one.gather();
    expect(one.datagrams.opened).toHaveLength(2);
    expect(one.datagrams.bases).toEqual([one.datagrams.base]);
  });

  it('does without where no socket can be had', async () => {
    const one = node({ mapping: EI, filtering: APD }, { [SERVER]: { alternate: ALTERNATE } });
    one.datagrams.refusesBases = true;
    await one.gather();
    expect(one.addresses).toHaveLength(1);
    expect(one.source.natBehavior()).toBeUndefined();
  });

  it('is not repeated behind the same public address, and is behind another', async () => {
    const one = node({ mapping: EI, filtering: APD }, { [SERVER]: { alternate: ALTERNATE } });
    await one.gather();
    one.datagrams.nat?.rebind();
    await one.gather();
    expect(one.datagrams.opened).toHaveLength(2);
    one.datagrams.nat?.rebind('198.51.100.77');
    await one.gather();
    expect(one.datagrams.opened).toHaveLength(3);
    expect(one.source.natBehavior()).toEqual({ mapping: EI, filtering: APD });
  });

  it('tests with one address of a server that is listed with both', async () => {
    const internet = new MemoryInternet();
    new MemoryStunServer(internet, '[2001:db8:9::10]:3478', { alternate: '[2001:db8:9::11]:3479' });
    const nat = { mapping: APD, filtering: AD } as const;
    const servers = ['[2001:db8:9::10]:3478', '[2001:db8:9::11]:3479'];
    const one = new NodeUnderTest(internet, { servers, families: [6], nat });
    await one.gather();
    expect(one.source.natBehavior()).toEqual(nat);
  });

  it('is of IPv4, where both families have an answer', async () => {
    const internet = new MemoryInternet();
    new MemoryStunServer(internet, '[2001:db8:9::10]:3478', { alternate: '[2001:db8:9::11]:3479' });
    new MemoryStunServer(internet, SERVER, { alternate: ALTERNATE, delayMs: 100 });
    const nat = { mapping: APD, filtering: APD } as const;
    const one = new NodeUnderTest(internet, { servers: ['[2001:db8:9::10]:3478', SERVER], families: [4, 6], nat });
    await one.gather();
    expect(one.found.map(({ address }) => address.family)).toEqual([6, 4]);
    expect(one.datagrams.opened.filter(({ shared }) => !shared).map(({ family }) => family)).toEqual([4]);
    expect(one.source.natBehavior()).toEqual(nat);
  });

  it('is of IPv6, where that is all there is', async () => {
    const internet = new MemoryInternet();
    new MemoryStunServer(internet, '[2001:db8:9::10]:3478', { alternate: '[2001:db8:9::11]:3479' });
    const one = new NodeUnderTest(internet, { servers: ['[2001:db8:9::10]:3478'], families: [4, 6] });
    await one.gather();
    expect(one.source.natBehavior()).toEqual({ mapping: EI, filtering: EI });
  });
});

function liesWith(address: string): NonNullable<StunServerOptions['answer']> {
  return (fields) => ({ ...fields, mappedAddress: at(address) });
}
