import { formatAddress, type TransportAddress } from '@wirepath/core/plugin';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryInternet, type NatOptions } from './memory-internet.js';
import { at, MemoryStunServer, type StunServerOptions } from './memory-stun-server.js';
import { NodeUnderTest } from './node-under-test.js';

const SERVER = '203.0.113.10:3478';
const OTHER_SERVER = '203.0.113.20:3478';
const ALTERNATE = '203.0.113.11:3479';
const PUBLIC_IP = '198.51.100.1';
const ROUND_TRIP_MS = 20;

const CONE: NatOptions = { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' };
const SYMMETRIC: NatOptions = { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' };
const SILENT: StunServerOptions = { answer: () => undefined };

type Servers = Readonly<Record<string, StunServerOptions>>;

function nodeAt(servers: Servers, nat: NatOptions | 'none' = CONE, families: readonly (4 | 6)[] = [4]) {
  const internet = new MemoryInternet();
  const listening = Object.entries(servers).map(([listen, options]) => new MemoryStunServer(internet, listen, options));
  const node = new NodeUnderTest(internet, { servers: Object.keys(servers), families, ...(nat !== 'none' && { nat }) });
  return { internet, node, listening };
}

function expectNothingLeft({ datagrams, internet }: NodeUnderTest): void {
  expect(datagrams.listenerCount).toBe(0);
  expect(datagrams.bases.filter(({ shared }) => !shared)).toEqual([]);
  expect(internet.clock.pendingTimers).toBe(internet.inFlight);
}

describe('gathering', () => {
  it('reference fault 1: gives the mapped address and port, not the port that WireGuard has', async () => {
    const { node } = nodeAt({ [SERVER]: {} });
    await node.gather();
    expect(node.addresses).toEqual([`${PUBLIC_IP}:20000`]);
    expect(node.datagrams.base.port).toBe(51_820);
    expect(node.found[0]).toMatchObject({ type: 'server-reflexive', base: node.datagrams.base, server: SERVER });
  });

  it('reference fault 2: asks from the socket that WireGuard sends from, so the mapping is that of WireGuard', async () => {
    const { node, internet } = nodeAt({ [SERVER]: {} });
    await node.gather();
    const { nat, base } = { nat: node.datagrams.nat, base: node.datagrams.base };
    const peer = at('203.0.113.99:51820');
    const seen: TransportAddress[] = [];
    internet.attach(peer, ({ from }) => seen.push(from));
    nat?.outbound({ from: { ...at(`10.0.0.2:${base.port}`) }, to: peer, bytes: new Uint8Array(32) });
    await internet.clock.advance(ROUND_TRIP_MS);
    expect(seen.map(formatAddress)).toEqual(node.addresses);
  });

  it('asks all servers at once, and gives each answer when it comes', async () => {
    const { node } = nodeAt(
      { [SERVER]: { delayMs: 300 }, [OTHER_SERVER]: {}, '203.0.113.30:3478': { delayMs: 100 } },
      SYMMETRIC,
    );
    await node.gather();
    expect(node.found.map(({ server, atMs }) => [server, Math.round(atMs / 10) * 10])).toEqual([
      [OTHER_SERVER, 20],
      ['203.0.113.30:3478', 120],
      [SERVER, 320],
    ]);
  });

  it('gives an address once, however many servers tell it', async () => {
    const { node } = nodeAt({ [SERVER]: {}, [OTHER_SERVER]: {}, '203.0.113.10:3479': {} });
    await node.gather();
    expect(node.addresses).toHaveLength(1);
  });

  it('asks several servers of one IP address each', async () => {
    const { node, listening } = nodeAt({ [SERVER]: {}, '203.0.113.10:3479': {} }, SYMMETRIC);
    await node.gather();
    expect(node.addresses).toHaveLength(2);
    for (const server of listening) expect(server.requests.length).toBeGreaterThan(0);
  });

  it('asks a server once that two names mean', async () => {
    const internet = new MemoryInternet();
    const server = new MemoryStunServer(internet, SERVER);
    const servers = ['a.example', 'b.example'];
    const node = new NodeUnderTest(internet, { servers, nat: CONE, resolve: async () => [at(SERVER)] });
    await node.gather();
    expect(server.requests.filter(({ from }) => from.port === 20_000)).toHaveLength(1);
    expect(node.source.problems()).toEqual([]);
  });

  it('gives candidates of both families', async () => {
    const { node } = nodeAt({ [SERVER]: {}, '[2001:db8:9::10]:3478': {} }, 'none', [4, 6]);
    await node.gather();
    expect(node.addresses.toSorted()).toEqual(['198.51.100.2:51820', '[2001:db8::2]:51820']);
    for (const { base, address } of node.found) expect(base?.family).toBe(address.family);
  });

  it('says of a server that there is no socket for', async () => {
    const { node } = nodeAt({ [SERVER]: {}, '[2001:db8:9::10]:3478': {} });
    await node.gather();
    expect(node.addresses).toHaveLength(1);
    expect(node.source.problems()).toEqual([
      '1 of 2 STUN servers is of no use: [2001:db8:9::10]:3478 (no address of a family that this node has a socket of)',
    ]);
  });

  it('finds nothing without sockets', async () => {
    const { node } = nodeAt({ [SERVER]: {} });
    const context = { signal: new AbortController().signal, datagrams: undefined, listenPort: 51_820 };
    const found = [];
    for await (const candidate of node.source.gather(context)) found.push(candidate);
    expect(found).toEqual([]);
    expect(await node.source.refresh(context)).toBe(false);
  });
});

describe('a server that is silent, slow, lies or answers from elsewhere', () => {
  const lie = (address: string): StunServerOptions => ({
    answer: (fields) => ({ ...fields, mappedAddress: at(address) }),
  });
  const bad: Readonly<Record<string, { server: StunServerOptions; reason: RegExp; counted?: string }>> = {
    'is silent': { server: SILENT, reason: /no answer/ },
    'takes 3 s': { server: { delayMs: 3000 }, reason: /no answer in time/ },
    'reports an address of a private network': {
      server: lie('10.1.2.3:51820'),
      reason: /answers with 10\.1\.2\.3:51820, a private address/,
      counted: 'stun-answer.unusable',
    },
    'reports an address of a carrier': {
      server: lie('100.64.3.4:1'),
      reason: /a private/,
      counted: 'stun-answer.unusable',
    },
    'reports loopback': { server: lie('127.0.0.1:51820'), reason: /a loopback/, counted: 'stun-answer.unusable' },
    'reports a link-local address': {
      server: lie('169.254.1.1:9'),
      reason: /link-local/,
      counted: 'stun-answer.unusable',
    },
    'reports "this host"': { server: lie('0.0.0.0:51820'), reason: /nobody's/, counted: 'stun-answer.unusable' },
    'reports a multicast address': { server: lie('224.0.0.1:5'), reason: /nobody's/, counted: 'stun-answer.unusable' },
    'reports the broadcast address': {
      server: lie('255.255.255.255:5'),
      reason: /nobody's/,
      counted: 'stun-answer.unusable',
    },
    'reports port 0': { server: lie('198.51.100.1:0'), reason: /no port/, counted: 'stun-answer.unusable' },
    'reports its own address': { server: lie(SERVER), reason: /its own address/, counted: 'stun-answer.unusable' },
    'reports an address of the other family': {
      server: lie('[2001:db8::1]:51820'),
      reason: /the other family/,
      counted: 'stun-answer.unusable',
    },
    'reports no address': {
      server: { answer: ({ mappedAddress: _, ...fields }) => fields },
      reason: /without an address/,
      counted: 'stun-answer.unusable',
    },
    'answers with an error': {
      server: {
        answer: (fields) => ({ ...fields, class: 'error', errorCode: { code: 500, reason: 'Sorry\u001b\n' } }),
      },
      reason: /error 500 Sorry\\u001b/,
      counted: 'stun-answer.unusable',
    },
    'answers from another port': {
      server: { from: ({ ip }) => at(`${ip}:9999`) },
      reason: /no answer/,
      counted: 'stun-answer.from-elsewhere',
    },
    'answers from another address': {
      server: { from: ({ port }) => at(`203.0.113.66:${port}`) },
      reason: /no answer/,
      counted: 'stun-answer.from-elsewhere',
    },
  };
  const rows = Object.entries(bad).map(([does, row]) => ({ does, ...row }));

  it.each(rows)(
    'one that $does delays nobody, gives no candidate, and is named',
    async ({ server, reason, counted }) => {
      // No NAT: what comes from elsewhere must come through.
      const { node } = nodeAt({ [SERVER]: server, [OTHER_SERVER]: {} }, 'none');
      const tookMs = await node.gather();
      expect(node.found.map(({ server, atMs }) => [server, atMs <= ROUND_TRIP_MS + 5])).toEqual([[OTHER_SERVER, true]]);
      expect(tookMs).toBeLessThanOrEqual(1100);
      const [line, ...more] = node.source.problems();
      expect(more).toEqual([]);
      expect(line).toMatch(
        new RegExp(`^1 of 2 STUN servers is of no use: 203\\.0\\.113\\.10:3478 \\(.*${reason.source}`),
      );
      expect(node.logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([line]);
      const drops = Object.entries(node.source.counters()).filter(([, count]) => count > 0);
      expect(drops.map(([what]) => what)).toEqual(counted ? [counted] : []);
      expectNothingLeft(node);
    },
  );

  it.each(rows.filter(({ does }) => does !== 'takes 3 s'))(
    'one that $does, alone, is an error within 5 s that says so',
    async ({ server, reason }) => {
      const { node, internet } = nodeAt({ [SERVER]: server });
      await expect(node.gather()).rejects.toThrow(reason);
      expect(internet.clock.now()).toBeLessThanOrEqual(5010);
      expect(node.addresses).toEqual([]);
      expect(node.source.natBehavior()).toBeUndefined();
      expectNothingLeft(node);
    },
  );

  it('one that takes 3 s is waited for, alone', async () => {
    const { node } = nodeAt({ [SERVER]: { delayMs: 3000 } });
    await node.gather();
    expect(node.addresses).toEqual([`${PUBLIC_IP}:20000`]);
  });

  it('is named in one line with the others, and once', async () => {
    const { node } = nodeAt({ [SERVER]: SILENT, [OTHER_SERVER]: lie('10.0.0.1:1'), '203.0.113.30:3478': {} });
    await node.gather();
    await node.gather();
    const line =
      '2 of 3 STUN servers are of no use: 203.0.113.20:3478 (it answers with 10.0.0.1:1, a private address), 203.0.113.10:3478 (no answer in time)';
    expect(node.source.problems()).toEqual([line]);
    expect(node.logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([line]);
  });

  it('is believed again when it answers', async () => {
    let silent = true;
    const { node } = nodeAt({
      [SERVER]: { answer: (fields) => (silent ? undefined : fields) },
      [OTHER_SERVER]: {},
    });
    await node.gather();
    silent = false;
    await node.gather();
    expect(node.source.problems()).toEqual([]);
    const { message } = node.logger.lines.findLast(({ level }) => level === 'info') ?? {};
    expect(message).toBe('all STUN servers answer again');
  });

  it('may see private addresses where its own is one, and loopback on this machine', async () => {
    const internet = new MemoryInternet();
    new MemoryStunServer(internet, '192.168.1.1:3478');
    new MemoryStunServer(internet, '127.0.0.1:3478', lie('127.0.0.1:51820'));
    new MemoryStunServer(internet, '127.0.0.1:3479', lie('203.0.113.5:40001'));
    const servers = ['192.168.1.1:3478', '127.0.0.1:3478', '127.0.0.1:3479'];
    const nat = { ...CONE, publicIp: '192.168.1.77' };
    const node = new NodeUnderTest(internet, { servers, nat });
    await node.gather();
    expect(node.addresses).toEqual(['192.168.1.77:20000', '127.0.0.1:51820', '203.0.113.5:40001']);
  });
});

describe('names', () => {
  it('are resolved at once, and one that cannot be holds up no other', async () => {
    const internet = new MemoryInternet();
    new MemoryStunServer(internet, SERVER);
    const servers = ['hangs.example', 'fails.example', SERVER];
    const node = new NodeUnderTest(internet, {
      servers,
      nat: CONE,
      resolve: ({ host }, { signal }) => {
        if (host === 'fails.example') return Promise.reject(new Error('ENOTFOUND'));
        if (host !== 'hangs.example') return Promise.resolve([at(SERVER)]);
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
      },
    });
    expect(await node.gather()).toBeLessThanOrEqual(1100);
    expect(node.addresses).toHaveLength(1);
    expect(node.source.problems()).toEqual([
      '2 of 3 STUN servers are of no use: fails.example (its name is not resolved: ENOTFOUND), hangs.example (its name is not resolved)',
    ]);
  });

  it('are looked up again, whatever is known of them, only where their servers do not answer', async () => {
    const internet = new MemoryInternet();
    const lives = new MemoryStunServer(internet, SERVER);
    const looked: string[] = [];
    const node = new NodeUnderTest(internet, {
      servers: ['lives.example', 'dead.example'],
      nat: CONE,
      resolve: async ({ host }, { again = false }) => {
        looked.push(again ? `${host} again` : host);
        return [at(host === 'lives.example' ? SERVER : OTHER_SERVER)];
      },
    });
    await node.gather();
    await node.refresh();
    expect(looked).toEqual(['lives.example', 'dead.example', 'lives.example', 'dead.example again']);
    expect(lives.requests.length).toBeGreaterThan(1);
  });

  it('never mean more than a few requests, whatever a resolver says', async () => {
    const internet = new MemoryInternet();
    const flood = Array.from({ length: 200 }, (_, index) => at(`203.0.113.${index + 1}:3478`));
    const node = new NodeUnderTest(internet, { servers: ['many.example'], nat: CONE, resolve: async () => flood });
    await expect(node.gather()).rejects.toMatchObject({
      code: 'STUN_DISCOVERY',
      message: expect.stringContaining('no answer') as unknown,
    });
    expect(new Set(internet.sent.map(({ to }) => to.ip)).size).toBe(8);
  });
});

describe('an end at any time', () => {
  const servers: Servers = {
    [SERVER]: { alternate: ALTERNATE },
    [OTHER_SERVER]: { delayMs: 700 },
    '203.0.113.30:3478': SILENT,
  };

  it('by the signal, leaves no timer, listener or socket, and throws nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2500 }), async (afterMs) => {
        const { node, internet } = nodeAt(servers);
        const controller = new AbortController();
        const abort = internet.clock.setTimeout(() => controller.abort(), afterMs);
        await node.gather(controller.signal);
        abort[Symbol.dispose]();
        expect(internet.clock.now()).toBeLessThanOrEqual(afterMs + 10);
        expectNothingLeft(node);
      }),
      { numRuns: 40 },
    );
  });

  it('by the signal while no server answers, throws nothing either', async () => {
    const { node, internet } = nodeAt({ [SERVER]: SILENT });
    const controller = new AbortController();
    internet.clock.setTimeout(() => controller.abort(), 1234);
    await node.gather(controller.signal);
    expectNothingLeft(node);
  });

  it('by leaving the loop, does so too', async () => {
    const { node, internet } = nodeAt(servers);
    const context = { signal: new AbortController().signal, datagrams: node.datagrams, listenPort: 51_820 };
    const left = (async () => {
      for await (const _ of node.source.gather(context)) break;
    })();
    await internet.clock.advance(100);
    await left;
    expectNothingLeft(node);
  });

  it('of refresh, does so too', async () => {
    for (const afterMs of [0, 5, 30, 600]) {
      const { node, internet } = nodeAt(servers);
      await node.gather();
      const controller = new AbortController();
      internet.clock.setTimeout(() => controller.abort(), afterMs);
      expect((await node.refresh(controller.signal)).changed).toBe(false);
      expectNothingLeft(node);
    }
  });
});
