import { describe, expect, it } from 'vitest';
import { transportAddress as at } from '@wirepath/stun-codec';
import { resolveServer, type NameService } from '../../../src/base/addresses/resolve-server.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';

const { signal } = new AbortController();

function fakeNames(names: Partial<NameService> & { answers?: Record<string, string[]> } = {}) {
  const asked: string[] = [];
  const nameService: NameService = {
    configuredResolvers: () => ['192.0.2.53'],
    upstreamResolvers: () => Promise.resolve([]),
    query: (host, family, resolvers) => {
      asked.push(`${host} IPv${family} at ${resolvers.join(' ')}`);
      return Promise.resolve(names.answers?.[`${host} ${family}`] ?? []);
    },
    lookup: (host) => {
      asked.push(`${host} by the system`);
      return Promise.resolve(['203.0.113.99']);
    },
    ...names,
  };
  return { nameService, asked };
}

describe('resolving a server', () => {
  it.each([
    ['203.0.113.10', at('203.0.113.10', 3478)],
    ['2001:db8::10', at('2001:db8::10', 3478)],
  ])('takes the literal %s as it is, without DNS', async (host, address) => {
    const { nameService, asked } = fakeNames();
    expect(await resolveServer({ host, port: 3478 }, { signal, nameService })).toEqual([address]);
    expect(asked).toEqual([]);
  });

  it('asks the configured resolvers for both families, and gives IPv4 first', async () => {
    const { nameService, asked } = fakeNames({
      answers: { 'relay.example 4': ['203.0.113.10'], 'relay.example 6': ['2001:db8::10'] },
    });
    expect(await resolveServer({ host: 'relay.example', port: 1 }, { signal, nameService })).toEqual([
      at('203.0.113.10', 1),
      at('2001:db8::10', 1),
    ]);
    expect(asked).toEqual(['relay.example IPv4 at 192.0.2.53', 'relay.example IPv6 at 192.0.2.53']);
  });

  it.each(['127.0.0.53', '127.0.0.1:5353', '::1', '[::1]:53', '100.100.100.100', '100.64.0.1', 'fd7a:115c:a1e0::53'])(
    'passes over %s, which a mesh may own, for what stands behind it',
    async (resolver) => {
      const { nameService, asked } = fakeNames({
        configuredResolvers: () => [resolver],
        upstreamResolvers: () => Promise.resolve(['127.0.0.54', '198.51.100.53']),
        answers: { 'relay.example 4': ['203.0.113.10'] },
      });
      await resolveServer({ host: 'relay.example', port: 1 }, { signal, nameService });
      expect(asked[0]).toBe('relay.example IPv4 at 198.51.100.53');
    },
  );

  it('passes over a resolver in the network of a tunnel', async () => {
    const { nameService, asked } = fakeNames({
      configuredResolvers: () => ['10.77.0.1', 'fd00:77::1', '198.51.100.53'],
      tunnelNetworks: () => ['10.77.0.5/24', 'fd00:77::5/64'],
      answers: { 'relay.example 4': ['203.0.113.10'] },
    });
    await resolveServer({ host: 'relay.example', port: 1 }, { signal, nameService });
    expect(asked[0]).toBe('relay.example IPv4 at 198.51.100.53');
  });

  it.each([
    [4, 6],
    [6, 4],
  ])('does not wait for IPv%i, when that is silent, but for a moment', async (silent, other) => {
    const clock = new FakeClock();
    const address = other === 4 ? '203.0.113.10' : '2001:db8::10';
    const cancelled: number[] = [];
    const { nameService, asked } = fakeNames({
      query: (_host, family, _resolvers, waiting) =>
        family === silent
          ? new Promise(() => waiting.addEventListener('abort', () => cancelled.push(family)))
          : Promise.resolve([address]),
    });
    const resolved = resolveServer({ host: 'relay.example', port: 1 }, { signal, nameService, clock });
    await clock.advance(1000);
    expect(await resolved).toEqual([at(address, 1)]);
    expect(cancelled).toEqual([silent]);
    expect(clock.pendingTimers).toBe(0);
    expect(asked).toEqual([]);
  });

  it('goes by one family when the other fails', async () => {
    const { nameService } = fakeNames({
      query: (_host, family) =>
        family === 4 ? Promise.reject(new Error('SERVFAIL')) : Promise.resolve(['2001:db8::10']),
    });
    expect(await resolveServer({ host: 'relay.example', port: 1 }, { signal, nameService })).toEqual([
      at('2001:db8::10', 1),
    ]);
  });

  it.each([
    ['no resolver is left', { configuredResolvers: () => ['127.0.0.53'] }],
    ['none of them knows the name', {}],
    ['none of them answers', { query: () => Promise.reject(new Error('timeout')) }],
  ])('goes by the system, and says so, when %s', async (_when, names) => {
    const { nameService } = fakeNames(names);
    const told: string[] = [];
    const options = { signal, nameService, onSystemLookup: (host: string) => told.push(host) };
    expect(await resolveServer({ host: 'relay', port: 1 }, options)).toEqual([at('203.0.113.99', 1)]);
    expect(told).toEqual(['relay']);
  });

  it('stops when it is aborted', async () => {
    const abort = new AbortController();
    const { nameService, asked } = fakeNames({
      query: () => {
        abort.abort();
        return Promise.reject(new Error('ECANCELLED'));
      },
    });
    await expect(resolveServer({ host: 'relay', port: 1 }, { signal: abort.signal, nameService })).rejects.toThrow();
    expect(asked).toEqual([]);
  });

  it.each([
    ['a query', { query: () => new Promise<never>(() => undefined) }],
    [
      'the system, which cannot be told to stop',
      { configuredResolvers: () => [], lookup: () => new Promise<never>(() => undefined) },
    ],
  ])('stops waiting for %s when it is aborted', async (_what, names) => {
    const abort = new AbortController();
    const { nameService } = fakeNames(names);
    const resolved = resolveServer({ host: 'relay', port: 1 }, { signal: abort.signal, nameService });
    setImmediate(() => abort.abort());
    await expect(resolved).rejects.toThrow('aborted');
  });
});
