import { describe, expect, it } from 'vitest';
import { SystemEgress } from '../src/system-egress.js';
import { FakeClock } from './fake-clock.js';
import { fakeMachine, ipv4Default, LOOPBACK, SYSFS, type FakeMachine } from './fake-machine.js';
import { recordingLogger } from './log.js';

const NODE = { interfaceName: 'wp0', addresses: ['10.77.0.1/24'], mtu: 1420 };

function setUp(fake: FakeMachine, connected: Partial<Record<4 | 6, string>> = {}) {
  const clock = new FakeClock();
  const logger = recordingLogger();
  const asked: number[] = [];
  let hint = (): void => undefined;
  const egress = new SystemEgress(
    { logger, clock, node: NODE },
    {
      machine: fakeMachine(fake),
      trigger: (onHint) => {
        hint = onHint;
        return { [Symbol.dispose]: () => undefined };
      },
      addressByConnect: (family) => {
        asked.push(family);
        return Promise.resolve(connected[family]);
      },
    },
  );
  return { clock, logger, egress, asked, hint: () => hint() };
}

const eth0 = { addresses: ['192.0.2.2/24'], sysfs: SYSFS.nic };
const wt0 = { addresses: ['100.90.1.2/16'], sysfs: SYSFS.wireguard };

describe('detecting the physical egress', () => {
  it('asks the system only where tables and interfaces tell nothing', async () => {
    const { egress, asked, logger } = setUp({ links: { eth0 } }, { 4: '192.0.2.2' });
    expect(await egress.detect()).toMatchObject([{ interfaceName: 'eth0', evidence: 'interface' }]);
    expect(asked).toEqual([]);
    expect(logger.lines).toEqual([]);
  });

  it('takes what a connected socket is given, with a warning, for a mesh may own it', async () => {
    const { egress, logger } = setUp({ links: { lo: LOOPBACK, wt0 } }, { 4: '100.90.1.2' });
    expect(await egress.detect()).toEqual([{ interfaceName: 'wt0', family: 4, ip: '100.90.1.2', evidence: 'connect' }]);
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { interface: 'wt0' } }]);
  });

  it('never takes our own interface', async () => {
    const wp0 = { addresses: ['10.77.0.1/24'], sysfs: SYSFS.tun };
    const { egress } = setUp({ links: { lo: LOOPBACK, wp0 } }, { 4: '10.77.0.1' });
    expect(await egress.detect()).toEqual([]);
  });

  it('finds none on a machine with no way out', async () => {
    const { egress, logger, asked } = setUp({ links: { lo: LOOPBACK } });
    expect(await egress.detect()).toEqual([]);
    expect(asked).toEqual([4, 6]);
    expect(logger.lines).toEqual([]);
  });
});

describe('regression: nobody was told when the network changed', () => {
  const quiet: FakeMachine = { links: { eth0 }, ipv4Routes: ipv4Default('eth0', '010200C0', 100) };
  const cases: readonly [string, Partial<FakeMachine>, number][] = [
    ['an address came', { links: { eth0: { ...eth0, addresses: ['192.0.2.2/24', '192.0.2.3/24'] } } }, 1],
    ['the link went down', { links: {} }, 1],
    ['the gateway changed', { ipv4Routes: ipv4Default('eth0', '020200C0', 100) }, 1],
    ['a metric changed', { ipv4Routes: ipv4Default('eth0', '010200C0', 200) }, 1],
    ['the default route went', { ipv4Routes: '' }, 1],
    [
      'a mesh took the default route',
      { ipv4Routes: [ipv4Default('eth0', '010200C0', 100), ipv4Default('wt0', '00000000', 5, '0001')].join('\n') },
      1,
    ],
    [
      'our own interface came up, with addresses and routes',
      {
        links: { eth0, wp0: { addresses: ['10.77.0.1/24'], sysfs: SYSFS.tun } },
        ipv4Routes: [ipv4Default('eth0', '010200C0', 100), ipv4Default('wp0', '00000000', 5, '0001')].join('\n'),
      },
      0,
    ],
    [
      'a container started',
      {
        links: { eth0, vethA: { addresses: ['fe80::1/64'], sysfs: SYSFS.veth } },
        ipv4Routes: [
          ipv4Default('eth0', '010200C0', 100),
          'cali1\t0501010A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0',
        ].join('\n'),
      },
      0,
    ],
  ];

  it.each(cases)('%s', (_what, change, expected) => {
    const fake = { ...quiet };
    const { egress, clock, hint } = setUp(fake);
    let calls = 0;
    egress.watch(() => calls++);
    Object.assign(fake, change);
    hint();
    clock.advance(500);
    expect(calls).toBe(expected);
  });
});
