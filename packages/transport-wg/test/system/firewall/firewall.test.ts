import { EdgeGuard, parseCidr } from '@wirepath/core/plugin';
import { NetlinkError, type Table, type TableChange } from '@wirepath/linux';
import { FakeClock } from '@wirepath/testkit';
import { describe, expect, it } from 'vitest';
import type { FirewallSystem } from '../../../src/system/firewall/firewall-system.js';
import { recordingLogger } from '../../embedded/support.js';
import { Firewall, type FirewallOptions } from '../../../src/system/firewall/firewall.js';
import { killSwitchSettings, type KillSwitchOption } from '../../../src/system/firewall/kill-switch-options.js';

const OURS = 7;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A kernel with tables, and settings of reverse path checks. */
function kernel({ strict = false, usesMark = false } = {}) {
  const tables = new Map<string, Table>();
  const state = { strict, usesMark, refuses: undefined as string | undefined, replaced: 0 };
  let onTable: (change: TableChange) => void = () => undefined;
  let onNetwork: () => void = () => undefined;
  const system: FirewallSystem = {
    openTables: () => {
      if (state.refuses === 'socket') throw new NetlinkError('x', { errno: 93, code: 'EPROTONOSUPPORT', reason: 'no' });
      return {
        portId: OURS,
        replace: (table) => {
          if (state.refuses !== undefined) {
            throw new NetlinkError('nftables takes no change', { errno: 1, code: state.refuses, reason: 'refused' });
          }
          state.replaced++;
          tables.set(table.name, table);
          return table;
        },
        remove: (name) => void tables.delete(name),
        tables: () => [...tables.values()].map(({ name, comment }) => ({ name, comment })),
        chains: (name) =>
          (tables.get(name)?.chains ?? []).map((chain) => ({
            name: chain.name,
            hook: chain.hook && { number: 0, priority: chain.hook.priority },
            rules: chain.rules.map(({ comment, expressions }) => ({
              handle: 0n,
              comment,
              expressions: expressions.map((expression) => expression.name),
              packets: 3n,
              bytes: 0n,
            })),
          })),
        elements: (name, set) => 2 * (tables.get(name)?.sets.find((one) => one.name === set)?.intervals.length ?? 0),
        [Symbol.dispose]: () => undefined,
      };
    },
    watchTable: (_name, events) => {
      onTable = (change) => events.onChange(change);
      return { [Symbol.dispose]: () => (onTable = () => undefined) };
    },
    watchNetworkChanges: (events) => {
      onNetwork = () => events.onChange();
      return { [Symbol.dispose]: () => (onNetwork = () => undefined) };
    },
    onLinkNetworks: () => [{ interfaceName: 'eth0', network: parseCidr('192.168.1.7/24')! }],
    reversePath: {
      isStrict: () => state.strict,
      usesMark: () => state.usesMark,
      setUsesMark: (value) => (state.usesMark = value),
    },
  };
  return { tables, state, system, changed: (change: TableChange) => onTable(change), moved: () => onNetwork() };
}

function setUp(killSwitch: KillSwitchOption, machine = kernel(), more: Partial<FirewallOptions> = {}) {
  const clock = new FakeClock();
  const logger = recordingLogger();
  const firewall = new Firewall({
    interfaceName: 'wp0',
    product: 'acme',
    addresses: ['10.77.0.1/24'],
    mark: { value: 0x57, mask: 0x7f },
    killSwitch: killSwitchSettings(killSwitch),
    logger,
    guard: EdgeGuard.create('test', { logger, clock }),
    clock,
    system: machine.system,
    ...more,
  });
  const table = () => machine.tables.get('acme-wp0');
  const ranges = () =>
    table()
      ?.sets.find(({ name }) => name === 'tunnel4')
      ?.intervals.map(({ first, last }) => `${first.join('.')}-${last.join('.')}`);
  return { ...machine, clock, logger, firewall, table, ranges };
}

describe('the kill switch', () => {
  it('is loaded with the ranges of the configuration before any peer is there', () => {
    const { firewall, ranges } = setUp(true);
    firewall.expect(['10.1.0.0/16']);
    firewall.load();
    // Its own network too, where nobody but its peers is.
    expect(ranges()).toEqual(['10.1.0.0-10.1.255.255', '10.77.0.0-10.77.0.255']);
  });

  it('follows peers and the configuration, once a turn', async () => {
    const { firewall, ranges, state } = setUp(true);
    firewall.load();
    firewall.setRouted('10.2.0.0/16', true);
    firewall.setRouted('10.3.0.0/16', true);
    firewall.expect(['10.1.0.0/16']);
    await turn();
    expect(ranges()).toEqual(['10.1.0.0-10.3.255.255', '10.77.0.0-10.77.0.255']);
    firewall.expect([]);
    firewall.setRouted('10.2.0.0/16', false);
    await turn();
    expect(ranges()).toEqual(['10.3.0.0-10.3.255.255', '10.77.0.0-10.77.0.255']);
    expect(state.replaced).toBe(3);
  });

  it('goes at a clean stop, stays after a failure and where it is `always`; `lift` removes it', () => {
    for (const [option, failed, stays] of [
      [true, false, false],
      [true, true, true],
      ['always', false, true],
    ] as const) {
      const { firewall, table, tables, system, logger } = setUp(option);
      firewall.load();
      firewall.close({ failed });
      expect(table() !== undefined).toBe(stays);
      expect(logger.lines.some(({ message }) => message.includes('`acme down` lifts it'))).toBe(stays);
      const later = setUp(option, { ...kernel(), tables, system });
      expect(later.firewall.lift()).toEqual(stays ? ['the table acme-wp0 of nftables'] : []);
      expect(table()).toBeUndefined();
    }
  });

  it('that is as it should be is not set again: a packet on its way through it might see neither the old nor the new', async () => {
    const { firewall, tables, state, moved, changed, clock } = setUp('always');
    firewall.load();
    firewall.start();
    const { replaced } = state;
    moved();
    await clock.advance(1000);
    expect(state.replaced).toBe(replaced);
    // Unlike what others have touched, whatever is left of it.
    changed({ portId: 9, program: 'nft', pid: 400 });
    expect(state.replaced).toBe(replaced + 1);
    tables.clear();
    moved();
    await clock.advance(1000);
    expect(state.replaced).toBe(replaced + 2);
    firewall.close();
    expect([state.replaced, tables.size]).toEqual([replaced + 2, 1]);
  });

  it('that an earlier run left goes where none is configured any more', () => {
    const machine = kernel();
    setUp(true, machine).firewall.load();
    const { firewall, table } = setUp(false, machine);
    firewall.load();
    expect(table()).toBeDefined();
    firewall.start();
    expect(table()).toBeUndefined();
  });

  it('is restored at once whoever removes it, is told of, and never given up', async () => {
    const { firewall, tables, table, changed, clock } = setUp(true);
    firewall.load();
    changed({ portId: OURS, program: 'acme', pid: 1 });
    expect(firewall.problems()).toEqual([]);
    for (let i = 1; i <= 20; i++) {
      tables.clear();
      changed({ portId: 9, program: 'nft', pid: 400 + i });
      expect(table()).toBeDefined();
      const [problem] = firewall.problems();
      expect(problem).toMatch(i < 5 ? /nft .* removed .*it was restored/ : /nft .* again and again/);
      await clock.advance(1000);
    }
  });

  it('is tried again where it cannot be restored, and that is told', async () => {
    const { firewall, tables, table, changed, state, clock } = setUp(true);
    firewall.load();
    tables.clear();
    state.refuses = 'ENOMEM';
    changed({ portId: 9, program: undefined, pid: undefined });
    expect(firewall.problems().join()).toContain('could not be set: nftables takes no change: refused');
    state.refuses = undefined;
    await clock.advance(1000);
    expect(table()).toBeDefined();
    expect(firewall.problems().join()).not.toContain('could not be set');
  });

  it.each([
    ['socket', 'KILL_SWITCH', /kernel lacks nftables/],
    ['EOPNOTSUPP', 'KILL_SWITCH', /kernel lacks nftables/],
    ['EPERM', 'PERMISSION_DENIED', /CAP_NET_ADMIN/],
    ['ENOMEM', 'KILL_SWITCH', /killSwitch: false/],
  ])('that cannot be loaded (%s) is an error with a cure: %s', (refuses, code, advice) => {
    const { firewall, state } = setUp(true);
    state.refuses = refuses;
    expect(() => firewall.load()).toThrow(
      expect.objectContaining({ code, advice: expect.stringMatching(advice) as string }),
    );
  });

  it('whose rules the kernel does not have, whatever it answered, is an error', () => {
    const machine = kernel();
    const openTables = () => ({ ...machine.system.openTables(), chains: () => [] });
    const { firewall } = setUp(true, { ...machine, system: { ...machine.system, openTables } });
    expect(() => firewall.load()).toThrow(expect.objectContaining({ code: 'KILL_SWITCH' }));
  });

  it('counts what it has dropped', () => {
    const { firewall } = setUp(true);
    firewall.expect(['0.0.0.0/0']);
    firewall.load();
    expect(firewall.counters()).toEqual({ 'kill-switch.dropped': 6, 'kill-switch.dns': 3 });
  });
});

describe('the way back, where reverse paths are checked strictly', () => {
  const chains = (table: Table | undefined) => table?.chains.map(({ name }) => name) ?? [];

  it('is marked with and without a kill switch, as long as it is needed; the setting is put back', async () => {
    for (const option of [true, false]) {
      const { firewall, table, state, moved, clock } = setUp(option, kernel({ strict: true }));
      firewall.expect(['0.0.0.0/0']);
      firewall.load();
      firewall.start();
      expect(chains(table())).toEqual(expect.arrayContaining(['save', 'restore']));
      expect(state.usesMark).toBe(true);
      state.strict = false;
      moved();
      await clock.advance(1000);
      expect(chains(table())).not.toContain('restore');
      expect(state.usesMark).toBe(false);
      state.strict = true;
      firewall.setRouted('10.0.0.0/8', true);
      await turn();
      expect(state.usesMark).toBe(true);
      firewall.close();
      expect(state.usesMark).toBe(false);
    }
  });

  it.each([
    ['nothing is checked', {}, ['0.0.0.0/0']],
    ['no range is looked up by rules', { strict: true }, ['10.0.0.0/8', '::/0']],
  ])('is left alone where %s', (_what, how, ranges) => {
    const { firewall, tables, state } = setUp(false, kernel(how));
    firewall.expect(ranges);
    firewall.start();
    expect([...tables.keys()]).toEqual([]);
    expect(state.usesMark).toBe(false);
  });

  it('keeps the setting that was there before, and that another node needs', () => {
    const before = setUp(false, kernel({ strict: true, usesMark: true }));
    before.firewall.expect(['0.0.0.0/0']);
    before.firewall.start();
    before.firewall.close();
    expect(before.state.usesMark).toBe(true);

    const machine = kernel({ strict: true });
    const nodes = ['wp0', 'wp1'].map((interfaceName) => setUp(false, machine, { interfaceName }).firewall);
    for (const node of nodes) {
      node.expect(['0.0.0.0/0']);
      node.start();
    }
    nodes[0]!.close();
    expect(machine.state.usesMark).toBe(true);
    nodes[1]!.close();
    expect(machine.state.usesMark).toBe(false);
  });

  it('is put back by `lift` after a kill', () => {
    const machine = kernel({ strict: true });
    const killed = setUp(true, machine).firewall;
    killed.expect(['0.0.0.0/0']);
    killed.load();
    expect(setUp(true, machine).firewall.lift()).toEqual([
      'the table acme-wp0 of nftables',
      'the setting net.ipv4.conf.all.src_valid_mark',
    ]);
    expect(machine.state.usesMark).toBe(false);
  });
});
