import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { Allocations } from '../../../src/shell/driver/allocations.js';

const server = (name: string) =>
  ({ plugin: 'relay', server: { url: `turn:${name}:3478`, transport: 'udp' }, canProbe: false }) as const;
const allocation = (id: string, mapped = true) => ({
  id,
  relayedAddress: transportAddress('198.51.100.1', 50000),
  ...(mapped && { mappedAddress: transportAddress('203.0.113.5', 40001) }),
  rttMs: 5,
});
const NO_ANSWER = { reason: 'no answer', answered: false };
const LOST = { reason: '437 Allocation Mismatch', answered: true };
const ONE = server('one');

function withServers(...servers: readonly (typeof ONE)[]): Allocations {
  const allocations = new Allocations();
  allocations.setServers(servers);
  expect(due(allocations, 0)).toEqual(servers);
  return allocations;
}

const due = (allocations: Allocations, now: number) => allocations.takeDue(now, () => false).allocate;

describe('allocations', () => {
  it('become a base, a relayed candidate and a reflexive one', () => {
    const allocations = withServers(ONE);
    expect(allocations.made(ONE.server, allocation('a1'), 7, 0)).toBe(true);
    expect(allocations.bases()).toEqual([{ id: 'a1', family: 4, kind: 'allocation' }]);
    const mapped = transportAddress('203.0.113.5', 40001);
    expect(allocations.candidates().get('relay')).toEqual([
      {
        type: 'relayed',
        address: transportAddress('198.51.100.1', 50000),
        server: ONE.server.url,
        relatedAddress: mapped,
        discoveredAtMs: 7,
      },
      { type: 'server-reflexive', address: mapped, server: ONE.server.url, discoveredAtMs: 7 },
    ]);
    expect(allocations.urlOf('a1')).toBe(ONE.server.url);
  });

  it('of a plugin without any are an empty list, so that candidates of lost ones go', () => {
    expect(withServers(ONE).candidates().get('relay')).toEqual([]);
  });

  it('are tried again later and later, a minute apart at most', () => {
    const allocations = withServers(ONE);
    const waits = Array.from({ length: 8 }, (_, index) => {
      const now = index * 100_000;
      const waitMs = allocations.failed(ONE.server, NO_ANSWER, now) ?? 0;
      expect(due(allocations, now)).toEqual([]);
      expect(allocations.nextTimeout()).toBe(now + waitMs);
      expect(due(allocations, now + waitMs - 1)).toEqual([]);
      expect(due(allocations, now + waitMs)).toEqual([ONE]);
      return waitMs / 1000;
    });
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(allocations.nextTimeout()).toBe(Infinity);
  });

  it('that are lost are made again after a second, whatever had failed before', () => {
    const allocations = withServers(ONE);
    allocations.failed(ONE.server, NO_ANSWER, 0);
    allocations.made(ONE.server, allocation('a1'), 0, 0);
    expect(allocations.lost('another')).toBeUndefined();
    expect(allocations.lost('a1')).toBe(ONE);
    expect(allocations.failed(ONE.server, LOST, 500)).toBe(1000);
    expect(allocations.has('a1')).toBe(false);
  });

  it('that wait are tried at once in a hurry, and then as if nothing had failed', () => {
    const allocations = withServers(ONE);
    for (let failures = 0; failures < 5; failures++) allocations.failed(ONE.server, NO_ANSWER, 0);
    allocations.hurry(3);
    expect(due(allocations, 3)).toEqual([ONE]);
    expect(allocations.failed(ONE.server, NO_ANSWER, 4)).toBe(1000);
  });

  it('show what they are, and why they are not', () => {
    const allocations = withServers(ONE);
    const state = () => allocations.states()[0];
    const { url, transport } = ONE.server;
    const down = { url, transport, relayedAddress: undefined, rttMs: undefined, reason: undefined };
    expect(state()).toEqual({ ...down, state: 'connecting', error: undefined, answered: false });
    allocations.failed(ONE.server, LOST, 0);
    expect(state()).toEqual({ ...down, state: 'down', error: LOST.reason, answered: true });
    allocations.made(ONE.server, { ...allocation('a1'), rttMs: NaN }, 0, 0);
    const relayedAddress = transportAddress('198.51.100.1', 50000);
    expect(state()).toEqual({ ...down, relayedAddress, state: 'up', error: undefined, answered: true });
  });

  it('are kept on servers that are the same, given up on others and made on new ones', () => {
    const [stays, goes, comes] = [server('stays'), server('goes'), server('comes')];
    const allocations = withServers(stays, goes);
    allocations.made(stays.server, allocation('a1'), 0, 0);
    allocations.made(goes.server, allocation('a2'), 0, 0);
    const givenUp = allocations.setServers([stays, comes]);
    expect(due(allocations, 0)).toEqual([comes]);
    expect(givenUp.map(({ id }) => id)).toEqual(['a2']);
    expect(allocations.states()).toMatchObject([
      { url: 'turn:stays:3478', state: 'up' },
      { url: 'turn:comes:3478', state: 'connecting' },
    ]);
  });

  it('that come when nobody wants them are not taken, and neither are failures', () => {
    const allocations = withServers(ONE);
    const gone = server('gone').server;
    expect(allocations.made(gone, allocation('a1'), 0, 0)).toBe(false);
    expect(allocations.failed(gone, NO_ANSWER, 0)).toBeUndefined();
    allocations.made(ONE.server, allocation('a2'), 0, 0);
    expect(allocations.made(ONE.server, allocation('a3'), 0, 0)).toBe(false);
    expect(allocations.failed(ONE.server, NO_ANSWER, 0)).toBeUndefined();
    expect(allocations.has('a2')).toBe(true);
  });
});
