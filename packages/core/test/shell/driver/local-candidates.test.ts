import { formatAddress, transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { CandidateType } from '../../../src/contracts/candidate.js';
import type { DiscoveredCandidate } from '../../../src/shell/driver/events.js';
import { LocalCandidates } from '../../../src/shell/driver/local-candidates.js';

const found = (type: CandidateType, text: string): DiscoveredCandidate => {
  const [ip, port] = [text.slice(0, text.lastIndexOf(':')), Number(text.slice(text.lastIndexOf(':') + 1))];
  return { type, address: transportAddress(ip, port), discoveredAtMs: 0 };
};

function gatheredFrom(sources: Record<string, readonly DiscoveredCandidate[]>): LocalCandidates {
  const candidates = new LocalCandidates((family) => (family === 4 ? 'socket-1' : undefined));
  for (const [source, list] of Object.entries(sources)) candidates.set(source, list);
  return candidates;
}

const addresses = (candidates: LocalCandidates) =>
  candidates.list().map(({ type, address }) => `${type} ${formatAddress(address)}`);

describe('local candidates', () => {
  it('are sorted host, server-reflexive, relayed', () => {
    const candidates = gatheredFrom({
      relay: [found('relayed', '198.51.100.1:3478')],
      stun: [found('server-reflexive', '203.0.113.5:40001')],
      host: [found('host', '192.168.1.2:51820')],
    });
    expect(addresses(candidates)).toEqual([
      'host 192.168.1.2:51820',
      'server-reflexive 203.0.113.5:40001',
      'relayed 198.51.100.1:3478',
    ]);
  });

  it('that a gateway forwards are told like others, and are not what servers see', () => {
    const forwarded = { ...found('server-reflexive', '203.0.113.5:51820'), forwardedBy: 'PCP at 192.168.1.1' };
    const candidates = gatheredFrom({ portmap: [forwarded], stun: [found('server-reflexive', '203.0.113.5:40001')] });
    expect(
      candidates
        .signalled()
        .map(({ address }) => address.port)
        .sort(),
    ).toEqual([40_001, 51_820]);
    expect(candidates.reflexive().map(formatAddress)).toEqual(['203.0.113.5:40001']);
    expect(candidates.forwarded()).toEqual([{ address: forwarded.address, by: 'PCP at 192.168.1.1' }]);
  });

  it('duplicates are removed wherever they stand, and the best kind of each address stays', () => {
    const candidates = gatheredFrom({
      stun: [found('server-reflexive', '192.0.2.1:51820'), found('server-reflexive', '203.0.113.5:40001')],
      host: [found('host', '192.0.2.1:51820'), found('host', '192.0.2.2:51820'), found('host', '192.0.2.1:51820')],
      other: [found('server-reflexive', '203.0.113.5:40001')],
    });
    expect(addresses(candidates)).toEqual([
      'host 192.0.2.1:51820',
      'host 192.0.2.2:51820',
      'server-reflexive 203.0.113.5:40001',
    ]);
  });

  it('with the shared base named or left out are the same', () => {
    const base = { id: 'socket-1', family: 4, port: 51820, shared: true } as const;
    const candidates = gatheredFrom({
      all: [{ ...found('server-reflexive', '192.0.2.1:51820'), base }, found('host', '192.0.2.1:51820')],
    });
    expect(addresses(candidates)).toEqual(['host 192.0.2.1:51820']);
  });

  it('are completed: priority by type and family, foundation by type, base and server', () => {
    const candidates = gatheredFrom({ stun: [{ ...found('server-reflexive', '2001:db8::1:9'), server: 's:1' }] });
    expect(candidates.list()).toMatchObject([
      { priority: 100 * 2 ** 24 + 65535 * 2 ** 8 + 255, foundation: 'server-reflexive/udp6/s:1', source: 'stun' },
    ]);
  });

  it('that are found stand beside earlier ones of their source, each once, until all of it is set', () => {
    const candidates = gatheredFrom({ host: [found('host', '192.0.2.1:51820'), found('host', '192.0.2.2:51820')] });
    for (let again = 0; again < 2; again++) candidates.add('host', found('host', '192.0.2.3:51820'));
    expect(candidates.list()).toHaveLength(3);
    candidates.set('host', [found('host', '192.0.2.3:51820')]);
    expect(addresses(candidates)).toEqual(['host 192.0.2.3:51820']);
  });

  it('a reflexive candidate keeps the port that the server saw', () => {
    const candidates = gatheredFrom({ stun: [found('server-reflexive', '203.0.113.5:40001')] });
    expect(candidates.signalled()[0]?.address.port).toBe(40001);
  });

  it('are signalled 32 at most, with room for the relayed ones', () => {
    const candidates = gatheredFrom({
      host: Array.from({ length: 40 }, (_, i) => found('host', `192.0.2.${i + 1}:51820`)),
      relay: [found('relayed', '198.51.100.1:3478')],
    });
    expect(candidates.signalled().length).toBe(32);
    expect(candidates.signalled().at(-1)?.type).toBe('relayed');
  });

  it('are not signalled where no peer would take them: zoned, link-local, nobody’s, peer-reflexive', () => {
    const candidates = gatheredFrom({
      plugin: [
        found('host', 'fe80::1%eth0:1'),
        found('host', 'fe80::1:1'),
        found('host', '0.0.0.0:1'),
        found('host', '224.0.0.1:1'),
        found('host', '192.0.2.1:0'),
        found('peer-reflexive', '198.51.100.1:1'),
        found('host', '192.0.2.2:1'),
      ],
    });
    expect(candidates.signalled().map(({ address }) => formatAddress(address))).toEqual(['192.0.2.2:1']);
  });

  it('name what servers saw, each address once, also where it is a host candidate', () => {
    const candidates = gatheredFrom({
      stun: [found('server-reflexive', '192.0.2.1:51820'), found('server-reflexive', '203.0.113.5:40001')],
      host: [found('host', '192.0.2.1:51820')],
      relay: [found('server-reflexive', '203.0.113.5:40001'), found('relayed', '198.51.100.1:3478')],
    });
    expect(candidates.reflexive().map(formatAddress)).toEqual(['192.0.2.1:51820', '203.0.113.5:40001']);
  });
});
