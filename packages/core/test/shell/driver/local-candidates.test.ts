import { formatAddress, transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { CandidateType, GatheredCandidate } from '../../../src/contracts/candidate.js';
import type { Datagrams } from '../../../src/contracts/datagrams.js';
import { silentLogger } from '../../../src/base/logging/memory-logger.js';
import { LocalCandidates } from '../../../src/shell/driver/local-candidates.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';

const found = (type: CandidateType, text: string): GatheredCandidate => {
  const [ip, port] = [text.slice(0, text.lastIndexOf(':')), Number(text.slice(text.lastIndexOf(':') + 1))];
  return { type, address: transportAddress(ip, port) };
};

function gatheringFrom(sources: Record<string, readonly GatheredCandidate[] | Error>) {
  const list = new LocalCandidates(
    Object.entries(sources).map(([plugin, candidates]) => ({
      plugin,
      instance: {
        async *gather() {
          if (candidates instanceof Error) throw candidates;
          yield* candidates;
        },
      },
    })),
    { clock: new FakeClock(), logger: silentLogger(), sockets: () => ({ datagrams: undefined, listenPort: 51820 }) },
  );
  return { list, gather: () => list.gather(new AbortController().signal, () => undefined) };
}

const addresses = (list: LocalCandidates) =>
  list.list().map(({ type, address }) => `${type} ${formatAddress(address)}`);

describe('local candidates', () => {
  it('are sorted host, server-reflexive, relayed', async () => {
    const { list, gather } = gatheringFrom({
      relay: [found('relayed', '198.51.100.1:3478')],
      stun: [found('server-reflexive', '203.0.113.5:40001')],
      host: [found('host', '192.168.1.2:51820')],
    });
    await gather();
    expect(addresses(list)).toEqual([
      'host 192.168.1.2:51820',
      'server-reflexive 203.0.113.5:40001',
      'relayed 198.51.100.1:3478',
    ]);
  });

  it('duplicates are removed wherever they stand, and the best kind of each address stays', async () => {
    const { list, gather } = gatheringFrom({
      stun: [found('server-reflexive', '192.0.2.1:51820'), found('server-reflexive', '203.0.113.5:40001')],
      host: [found('host', '192.0.2.1:51820'), found('host', '192.0.2.2:51820'), found('host', '192.0.2.1:51820')],
      other: [found('server-reflexive', '203.0.113.5:40001')],
    });
    await gather();
    expect(addresses(list)).toEqual([
      'host 192.0.2.1:51820',
      'host 192.0.2.2:51820',
      'server-reflexive 203.0.113.5:40001',
    ]);
  });

  it('with the shared base named or left out are the same', async () => {
    const base = { id: 'socket-1', family: 4, port: 51820, shared: true } as const;
    const list = new LocalCandidates(
      [
        {
          plugin: 'all',
          instance: {
            async *gather() {
              yield { ...found('server-reflexive', '192.0.2.1:51820'), base };
              yield found('host', '192.0.2.1:51820');
            },
          },
        },
      ],
      {
        clock: new FakeClock(),
        logger: silentLogger(),
        sockets: () => ({ datagrams: { bases: [base] } as unknown as Datagrams, listenPort: 51820 }),
      },
    );
    await list.gather(new AbortController().signal, () => undefined);
    expect(addresses(list)).toEqual(['host 192.0.2.1:51820']);
  });

  it('a reflexive candidate keeps the port that the server saw', async () => {
    const { list, gather } = gatheringFrom({ stun: [found('server-reflexive', '203.0.113.5:40001')] });
    await gather();
    expect(list.signalled()[0]?.address.port).toBe(40001);
  });

  it('of one source do not depend on another that fails, and the failure is told', async () => {
    const { list, gather } = gatheringFrom({
      broken: new Error('no route to the server'),
      host: [found('host', '192.0.2.1:51820')],
    });
    await gather();
    expect(addresses(list)).toEqual(['host 192.0.2.1:51820']);
    expect([...list.problems.values()]).toEqual(['broken: no route to the server']);
  });

  it('that are gone at the next gathering are dropped when the source is done, not before', async () => {
    const state = { addresses: ['192.0.2.1:51820', '192.0.2.2:51820'] };
    const list = new LocalCandidates(
      [
        {
          plugin: 'host',
          instance: {
            async *gather() {
              for (const text of state.addresses) yield found('host', text);
            },
          },
        },
      ],
      { clock: new FakeClock(), logger: silentLogger(), sockets: () => ({ datagrams: undefined, listenPort: 51820 }) },
    );
    const { signal } = new AbortController();
    await list.gather(signal, () => undefined);
    state.addresses = ['192.0.2.3:51820'];
    const during: number[] = [];
    await list.gather(signal, () => during.push(list.list().length));
    expect(during).toEqual([3, 1]);
    expect(addresses(list)).toEqual(['host 192.0.2.3:51820']);
  });

  it('are signalled 32 at most, with room for the relayed ones', async () => {
    const { list, gather } = gatheringFrom({
      host: Array.from({ length: 40 }, (_, i) => found('host', `192.0.2.${i + 1}:51820`)),
      relay: [found('relayed', '198.51.100.1:3478')],
    });
    await gather();
    expect(list.signalled().length).toBe(32);
    expect(list.signalled().at(-1)?.type).toBe('relayed');
  });

  it('are not signalled where no peer would take them: zoned, link-local, nobody’s, peer-reflexive', async () => {
    const { list, gather } = gatheringFrom({
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
    await gather();
    expect(list.signalled().map(({ address }) => formatAddress(address))).toEqual(['192.0.2.2:1']);
  });

  it('name what servers saw, each address once, also where it is a host candidate', async () => {
    const { list, gather } = gatheringFrom({
      stun: [found('server-reflexive', '192.0.2.1:51820'), found('server-reflexive', '203.0.113.5:40001')],
      host: [found('host', '192.0.2.1:51820')],
      relay: [found('server-reflexive', '203.0.113.5:40001'), found('relayed', '198.51.100.1:3478')],
    });
    await gather();
    expect(list.reflexive().map(formatAddress)).toEqual(['192.0.2.1:51820', '203.0.113.5:40001']);
  });

  it.each([
    { thrown: undefined, own: [], lines: [] },
    { thrown: undefined, own: ['1 of 2 does not answer'], lines: ['stun: 1 of 2 does not answer'] },
    { thrown: new Error('none answers'), own: [], lines: ['stun: none answers'] },
    { thrown: new Error('none answers'), own: ['2 of 2 do not answer'], lines: ['stun: 2 of 2 do not answer'] },
  ])('say in one line what is wrong: thrown $thrown, of itself $own', async ({ thrown, own, lines }) => {
    const instance = {
      // eslint-disable-next-line require-yield -- it finds nothing
      async *gather() {
        if (thrown) throw thrown;
      },
      problems: () => own,
    };
    const sockets = () => ({ datagrams: undefined, listenPort: 51820 });
    const list = new LocalCandidates([{ plugin: 'stun', instance }], {
      clock: new FakeClock(),
      logger: silentLogger(),
      sockets,
    });
    await list.gather(new AbortController().signal, () => undefined);
    expect(list.problemLines()).toEqual(lines);
  });
});
