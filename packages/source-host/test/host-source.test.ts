import type { Base, Datagrams, GatheredCandidate } from '@wirepath/core/plugin';
import { describe, expect, it } from 'vitest';
import { HostSource } from '../src/host-source.js';
import { readNetworkState } from '../src/network-state.js';
import { fakeMachine, LOOPBACK, SYSFS, type FakeMachine } from './fake-machine.js';
import { recordingLogger } from './log.js';

const V4: Base = { id: 'udp4', family: 4, port: 51820, shared: true };
const V6: Base = { id: 'udp6', family: 6, port: 51821, shared: true };
const EXTRA: Base = { id: 'extra', family: 4, port: 40000, shared: false };

function setUp() {
  const fake: FakeMachine = {
    links: {
      lo: LOOPBACK,
      eth0: { addresses: ['192.0.2.2/24', '2001:db8::2/64'], sysfs: SYSFS.nic },
    },
  };
  const logger = recordingLogger();
  let fire = (): void => undefined;
  let disposed = 0;
  const source = new HostSource(
    {
      logger,
      networkState: () => readNetworkState(fakeMachine(fake), { interfaceName: 'wp0', addresses: [] }),
      egress: {
        watch(onChange) {
          fire = onChange;
          return { [Symbol.dispose]: () => void disposed++ };
        },
      },
    },
    { loopback: false, maxCandidates: 16 },
  );
  return { fake, logger, source, fire: () => fire(), disposed: () => disposed };
}

async function gather(source: HostSource, bases: readonly Base[] | undefined, signal = new AbortController().signal) {
  const datagrams = bases === undefined ? undefined : ({ bases } as Datagrams);
  const found: GatheredCandidate[] = [];
  for await (const candidate of source.gather({ signal, datagrams, listenPort: 51999 })) found.push(candidate);
  return found;
}

describe('host candidates', () => {
  it("have the port of their family's shared socket, and fall in local preference", async () => {
    const { source } = setUp();
    expect(await gather(source, [EXTRA, V4, V6])).toEqual([
      { type: 'host', address: { family: 6, ip: '2001:db8::2', port: 51821 }, localPreference: 65535 },
      { type: 'host', address: { family: 4, ip: '192.0.2.2', port: 51820 }, localPreference: 65534 },
    ]);
  });

  it('are none of a family without a shared socket', async () => {
    const { source, logger } = setUp();
    expect(await gather(source, [V4])).toMatchObject([{ address: { ip: '192.0.2.2', port: 51820 } }]);
    expect(logger.lines).toContainEqual(expect.objectContaining({ level: 'debug', fields: { ip: '2001:db8::2' } }));
  });

  it('have the listen port where the transport owns no socket', async () => {
    const { source } = setUp();
    expect((await gather(source, undefined)).map(({ address }) => address.port)).toEqual([51999, 51999]);
  });

  it('stop coming once nobody waits', async () => {
    const { source } = setUp();
    expect(await gather(source, [V4, V6], AbortSignal.abort())).toEqual([]);
  });
});

describe('watching host candidates', () => {
  it.each<[string, FakeMachine['links'], number]>([
    [
      'an address came',
      { eth0: { addresses: ['192.0.2.2/24', '2001:db8::2/64', '192.0.2.3/24'], sysfs: SYSFS.nic } },
      1,
    ],
    ['an address went', { eth0: { addresses: ['192.0.2.2/24'], sysfs: SYSFS.nic } }, 1],
    ['the last went', {}, 1],
    ['the order changed', { eth0: { addresses: ['2001:db8::2/64', '192.0.2.2/24'], sysfs: SYSFS.nic } }, 0],
    [
      'a mesh came up',
      {
        eth0: { addresses: ['192.0.2.2/24', '2001:db8::2/64'], sysfs: SYSFS.nic },
        wt0: { addresses: ['100.64.0.1/10'], sysfs: SYSFS.tun },
      },
      0,
    ],
    [
      'a link-local address came',
      { eth0: { addresses: ['192.0.2.2/24', '2001:db8::2/64', 'fe80::1/64'], sysfs: SYSFS.nic } },
      0,
    ],
  ])('%s: calls %#', (_what, links, expected) => {
    const { source, fake, fire } = setUp();
    let calls = 0;
    source.watch(() => calls++);
    fake.links = links;
    fire();
    fire();
    expect(calls).toBe(expected);
  });

  it('ends with the watch of the egress', () => {
    const { source, disposed } = setUp();
    source.watch(() => undefined)[Symbol.dispose]();
    expect(disposed()).toBe(1);
  });
});
