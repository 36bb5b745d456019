import { describe, expect, it } from 'vitest';
import { formatAddress } from '@wirepath/stun-codec';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import type { OpenDnsLine } from '../../../src/shell/outside/ask-question.js';
import { LookUp } from '../../../src/shell/outside/look-up.js';
import type { NameSystem } from '../../../src/shell/outside/name-system.js';
import { answerFrom, type Zone } from '../../base/names/dns-fixtures.js';

const { signal } = new AbortController();
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

interface World {
  readonly files?: Readonly<Record<string, string>>;
  /** By address: what it knows; 'silent'. */
  readonly servers?: Readonly<Record<string, Zone | 'silent'>>;
  readonly lookup?: NameSystem['lookup'];
  readonly ownNetworks?: readonly string[];
}

function setUp({ files = {}, servers = {}, lookup, ownNetworks = [] }: World) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const open = new Set<object>();
  const openLine: OpenDnsLine = (server, over, events) => {
    const line = {
      send: (bytes: Uint8Array) => {
        asked.push(`${over} ${server.ip}`);
        const zone = servers[formatAddress(server)] ?? servers[server.ip] ?? 'silent';
        if (zone !== 'silent') setImmediate(() => open.has(line) && events.message(answerFrom(zone, bytes)));
      },
      close: () => void open.delete(line),
    };
    open.add(line);
    return line;
  };
  const system: NameSystem = {
    readText: async (path) => files[path],
    servers: () => ['192.0.2.53'],
    lookup: async (host) => {
      asked.push('the system');
      return lookup === undefined ? Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' })) : lookup(host);
    },
  };
  const lookUp = new LookUp({ system, openLine, clock, random, ownNetworks });
  const find = async (host = 'relay.example') => {
    let isDone = false;
    const found = lookUp.addressesOf(host, signal).finally(() => (isDone = true));
    found.catch(() => undefined);
    for (let turn = 0; turn < 400 && !isDone; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(50);
    }
    expect([open.size, clock.pendingTimers]).toEqual([0, 0]);
    return found;
  };
  return { find, asked, clock, lookUp };
}

const KNOWS: Zone = { 'relay.example': { A: ['203.0.113.10'], AAAA: ['2001:db8::10'] } };
const resolvConf = (text: string) => ({ '/etc/resolv.conf': text });

describe('looking up a server', () => {
  it('goes by the hosts file first', async () => {
    const { find, asked } = setUp({ files: { '/etc/hosts': '203.0.113.1 relay.example' } });
    expect(await find()).toMatchObject({ addresses: ['203.0.113.1'], by: '/etc/hosts' });
    expect(asked).toEqual([]);
  });

  it('asks the servers of resolv.conf for both families', async () => {
    const { find } = setUp({ files: resolvConf('nameserver 192.0.2.1'), servers: { '192.0.2.1': KNOWS } });
    const { addresses, by } = await find();
    expect([...addresses].sort()).toEqual(['2001:db8::10', '203.0.113.10']);
    expect(by).toBe('192.0.2.1');
  });

  it('looks short names up in the search domains', async () => {
    const files = resolvConf('nameserver 192.0.2.1\nsearch other.example example');
    const { find } = setUp({ files, servers: { '192.0.2.1': KNOWS } });
    expect((await find('relay')).addresses).toContain('203.0.113.10');
  });

  it.each(['127.0.0.53', '127.0.0.1', '::1'])('passes over the stub at %s for the servers behind it', async (stub) => {
    const files = {
      ...resolvConf(`nameserver ${stub}`),
      '/run/systemd/resolve/resolv.conf': 'nameserver 127.0.0.54\nnameserver 198.51.100.53',
    };
    const { find, asked } = setUp({ files, servers: { '198.51.100.53': KNOWS, [stub]: {} } });
    expect(await find()).toMatchObject({ by: '198.51.100.53' });
    expect(new Set(asked)).toEqual(new Set(['udp 198.51.100.53']));
  });

  it('asks the stub where nobody knows what is behind it', async () => {
    const { find } = setUp({ files: resolvConf('nameserver 127.0.0.1'), servers: { '127.0.0.1': KNOWS } });
    expect(await find()).toMatchObject({ by: '127.0.0.1 on this machine' });
  });

  it.each<[string, Zone | 'silent']>([
    ['are silent', 'silent'],
    ['do not know the name', {}],
  ])('asks the stub in the end where the servers behind it %s', async (_what, zone) => {
    const files = {
      ...resolvConf('nameserver 127.0.0.53'),
      '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.1',
    };
    const { find } = setUp({ files, servers: { '192.0.2.1': zone, '127.0.0.53': KNOWS } });
    expect(await find()).toMatchObject({ by: '127.0.0.53 on this machine' });
  });

  it('asks servers inside of our own network last: they answer only through the tunnel', async () => {
    const files = resolvConf('nameserver 10.77.0.9\nnameserver 192.0.2.1');
    const { find, asked } = setUp({
      files,
      servers: { '192.0.2.1': KNOWS, '10.77.0.9': KNOWS },
      ownNetworks: ['10.77.0.1/24'],
    });
    expect(await find()).toMatchObject({ by: '192.0.2.1' });
    expect(asked).not.toContain('udp 10.77.0.9');
  });

  it('begins with the server that answered last', async () => {
    const files = resolvConf('nameserver 192.0.2.1\nnameserver 192.0.2.2');
    const { find, asked } = setUp({ files, servers: { '192.0.2.2': KNOWS } });
    await find();
    asked.length = 0;
    await find();
    expect(asked).toEqual(['udp 192.0.2.2', 'udp 192.0.2.2']);
  });

  it('goes by one family where the other is not answered', async () => {
    const { find, clock } = setUp({
      files: resolvConf('nameserver 192.0.2.1'),
      servers: { '192.0.2.1': { 'relay.example': { A: ['203.0.113.10'], rcode: undefined as never } } },
    });
    const before = clock.now();
    expect((await find()).addresses).toEqual(['203.0.113.10']);
    expect(clock.now() - before).toBeLessThan(1000);
  });

  it('goes by the system for names that resolvers do not know', async () => {
    const { find } = setUp({
      files: resolvConf('nameserver 192.0.2.1'),
      servers: { '192.0.2.1': {} },
      lookup: async () => ['203.0.113.77'],
    });
    expect(await find('printer.local')).toMatchObject({ addresses: ['203.0.113.77'], by: 'the system' });
  });

  it('does not ask the system where resolvers are silent: it would ask them unmarked', async () => {
    const { find, asked } = setUp({ files: resolvConf('nameserver 192.0.2.1'), lookup: async () => ['203.0.113.77'] });
    await expect(find()).rejects.toThrow('192.0.2.1: no answer');
    expect(asked).not.toContain('the system');
  });

  it('says who was asked, and what each said', async () => {
    const files = resolvConf('nameserver 192.0.2.1\nnameserver 192.0.2.2:5353');
    const { find } = setUp({ files, servers: { '192.0.2.2:5353': { 'relay.example': { rcode: 'SERVFAIL' } } } });
    await expect(find()).rejects.toThrow('192.0.2.1: no answer; 192.0.2.2:5353: SERVFAIL');
  });

  it.each(['localhost', 'a.localhost', 'LOCALHOST.'])('knows %s without asking', async (host) => {
    const { find, asked } = setUp({});
    expect(await find(host)).toEqual({ addresses: ['127.0.0.1', '::1'], ttlSeconds: 60, by: 'RFC 6761' });
    expect(asked).toEqual([]);
  });

  it('takes no name for it that only ends like that', async () => {
    const { find } = setUp({ files: resolvConf('nameserver 192.0.2.1'), servers: { '192.0.2.1': {} } });
    await expect(find('notlocalhost')).rejects.toThrow('no such name');
  });

  it('begins with each server in turn where resolv.conf says rotate', async () => {
    const files = resolvConf('nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\noptions rotate');
    const servers = { '192.0.2.1': KNOWS, '192.0.2.2': KNOWS, '192.0.2.3': KNOWS };
    const { find } = setUp({ files, servers });
    const first: string[] = [];
    for (let i = 0; i < 4; i++) first.push((await find()).by);
    expect(first).toEqual(['192.0.2.2', '192.0.2.3', '192.0.2.1', '192.0.2.2']);
  });

  it('goes on with the others, in their order, where the one that answered last is silent', async () => {
    const files = resolvConf('nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3');
    const servers: Record<string, Zone | 'silent'> = { '192.0.2.3': KNOWS };
    const { find, asked } = setUp({ files, servers });
    await find();
    servers['192.0.2.3'] = 'silent';
    asked.length = 0;
    await expect(find()).rejects.toThrow('no answer');
    expect([...new Set(asked)].slice(0, 3)).toEqual(['udp 192.0.2.3', 'udp 192.0.2.1', 'udp 192.0.2.2']);
  });

  it.each([
    ['', 4000],
    ['options timeout:1 attempts:1', 2000],
    ['options timeout:3 attempts:2', 6000],
    ['options timeout:3', 6000],
    ['options attempts:4', 8000],
    ['options timeout:30 attempts:5', 10_000],
  ])('waits for silent servers as resolv.conf says, within bounds: %j', async (options, waitsMs) => {
    const { find, clock } = setUp({ files: resolvConf(`nameserver 192.0.2.1\n${options}`) });
    const before = clock.now();
    await expect(find()).rejects.toThrow('no answer');
    const waitedMs = clock.now() - before;
    expect(waitedMs).toBeGreaterThanOrEqual(waitsMs);
    expect(waitedMs).toBeLessThan(waitsMs + 1000);
  });

  it('asks for no other names where servers are silent about the first', async () => {
    const files = resolvConf('nameserver 192.0.2.1\nsearch a.example b.example c.example');
    const { find, clock } = setUp({ files });
    const before = clock.now();
    await expect(find('relay')).rejects.toThrow('192.0.2.1: no answer');
    expect(clock.now() - before).toBeLessThan(5000);
  });

  it('says what the system said, where that was asked last, and asks it where there is no server', async () => {
    const { find } = setUp({ files: resolvConf('nameserver 192.0.2.1'), servers: { '192.0.2.1': {} } });
    await expect(find()).rejects.toThrow(/^192\.0\.2\.1: no such name; the system: ./);
    await expect(find()).rejects.toMatchObject({ isKnownMissing: true });
    const silent = setUp({ files: resolvConf('nameserver 192.0.2.1') });
    await expect(silent.find()).rejects.toMatchObject({ isKnownMissing: false });
  });

  it('finds nothing where the system gives nothing', async () => {
    const { find } = setUp({
      files: resolvConf('nameserver 192.0.2.1'),
      servers: { '192.0.2.1': {} },
      lookup: async () => [],
    });
    await expect(find()).rejects.toThrow('192.0.2.1: no such name');
  });

  it('of two servers that know, one is asked', async () => {
    const files = resolvConf('nameserver 192.0.2.1\nnameserver 192.0.2.2');
    const { find, asked } = setUp({ files, servers: { '192.0.2.1': KNOWS, '192.0.2.2': KNOWS } });
    await find();
    expect(asked).toEqual(['udp 192.0.2.1', 'udp 192.0.2.1']);
  });

  it('ends with the signal', async () => {
    const { lookUp } = setUp({ files: resolvConf('nameserver 192.0.2.1') });
    await expect(lookUp.addressesOf('relay.example', AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});
