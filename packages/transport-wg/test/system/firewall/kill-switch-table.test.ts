import { parseCidr } from '@wirepath/core/plugin';
import { describe, expect, it } from 'vitest';
import { isEverything, rangesOf, without } from '../../../src/system/firewall/address-ranges.js';
import { killSwitchOption, killSwitchSettings } from '../../../src/system/firewall/kill-switch-options.js';
import { killSwitchTable, type KillSwitchPlan } from '../../../src/system/firewall/kill-switch-table.js';
import { privateOnLinkNetworks } from '../../../src/system/firewall/on-link-networks.js';
import { z } from 'zod';

const cidrs = (...texts: string[]) => texts.map((text) => parseCidr(text)!);
const lan = (interfaceName: string, text: string) => ({ interfaceName, network: parseCidr(text)! });

function table(more: Partial<KillSwitchPlan>) {
  const plan: KillSwitchPlan = {
    interfaceName: 'wp0',
    mark: { value: 0x57, mask: 0x7f },
    meant: cidrs('0.0.0.0/0'),
    dns: undefined,
    beside: [],
    linkScope: true,
    ...more,
  };
  const { sets, chains } = killSwitchTable(plan);
  const ranges = Object.fromEntries(
    sets.map(({ name, intervals }) => [name, intervals.map(({ first, last }) => `${ip(first)}-${ip(last)}`)]),
  );
  return { ranges, chains };
}

const ip = (bytes: Uint8Array) =>
  bytes.length === 4 ? bytes.join('.') : Buffer.from(bytes).toString('hex').replace(/0+$/, '…').replace(/f+$/, 'F');

describe('what is meant for the tunnel', () => {
  it('is its ranges, put together where they touch', () => {
    const { ranges } = table({ meant: cidrs('10.77.0.2/32', '10.77.0.3/32', '10.77.0.0/31', 'fd77::/64') });
    expect(ranges['tunnel4']).toEqual(['10.77.0.0-10.77.0.3']);
    expect(ranges['tunnel6']).toHaveLength(1);
  });

  it('is all of IPv6 too where the tunnel takes all of IPv4 and only a part of IPv6, in one range or two', () => {
    const everything = ['…-F'];
    expect(table({ meant: cidrs('0.0.0.0/0') }).ranges['tunnel6']).toEqual(everything);
    expect(table({ meant: cidrs('0.0.0.0/1', '128.0.0.0/1', 'fd77::/64') }).ranges['tunnel6']).toEqual(everything);
    expect(table({ meant: cidrs('10.77.0.0/24') }).ranges['tunnel6']).toBeUndefined();
    expect(table({ meant: cidrs('::/0') }).ranges['tunnel4']).toBeUndefined();
  });
});

describe('what passes beside the tunnel', () => {
  it('is a network of a link, by that link alone', () => {
    const { ranges, chains } = table({ beside: [lan('eth0', '192.168.1.7/24'), lan('wlan0', '192.168.2.7/24')] });
    expect(ranges['beside4-eth0']).toEqual(['192.168.1.0-192.168.1.255']);
    expect(ranges['beside4-wlan0']).toEqual(['192.168.2.0-192.168.2.255']);
    const outside = chains.find(({ name }) => name === 'outside')!;
    const names = outside.rules.map(({ expressions }) => expressions.map(({ name }) => name).join(' '));
    expect(names).toContain('meta cmp payload lookup meta cmp immediate');
  });

  it('is not what is meant for the tunnel more exactly, or just as exactly', () => {
    const meant = cidrs('0.0.0.0/0', '192.168.1.64/26', '192.168.2.0/24');
    const { ranges } = table({ meant, beside: [lan('eth0', '192.168.1.7/24'), lan('eth1', '192.168.2.7/24')] });
    expect(ranges['beside4-eth0']).toEqual(['192.168.1.0-192.168.1.63', '192.168.1.128-192.168.1.255']);
    expect(ranges['beside4-eth1']).toBeUndefined();
  });

  it('is no IPv6 of a LAN where the tunnel takes none, but what is named', () => {
    const beside = [lan('eth0', 'fd01::7/64')];
    expect(table({ beside }).ranges['beside6-eth0']).toBeUndefined();
    expect(table({ beside, meant: cidrs('0.0.0.0/0', '::/0') }).ranges['beside6-eth0']).toHaveLength(1);
    expect(table({ beside: cidrs('fd01::/64') }).ranges['beside6']).toHaveLength(1);
  });

  it('is private networks of links that are up, whatever an address server calls local', () => {
    const address = (cidr: string, internal = false) => ({ cidr, internal }) as never;
    const found = privateOnLinkNetworks('wp0', {
      lo: [address('127.0.0.1/8', true)],
      wp0: [address('10.77.0.1/24')],
      eth0: [address('192.168.1.7/24'), address('203.0.113.7/24'), address('2001:db8::7/64'), address('fd01::7/64')],
      // A mask that would make half of the internet local, and one that holds more than private addresses.
      wlan0: [address('64.0.0.1/2'), address('172.16.0.1/8')],
    });
    expect(found.map(({ interfaceName, network }) => `${interfaceName} ${network.network}`)).toEqual([
      'eth0 192.168.1.0/24',
      'eth0 fd01::/64',
    ]);
  });
});

describe('DNS', () => {
  const hasDns = (more: Partial<KillSwitchPlan>) => table(more).chains.some(({ name }) => name === 'dns');

  it.each([
    ['is shut where the tunnel has a default route', { meant: cidrs('0.0.0.0/0') }, true],
    ['is traffic like any other where it has none', { meant: cidrs('10.0.0.0/8') }, false],
    ['is shut where servers are named', { meant: cidrs('10.0.0.0/8'), dns: cidrs('9.9.9.9') }, true],
  ])('%s', (_what, more, expected) => {
    expect(hasDns(more)).toBe(expected);
  });

  it('goes to the servers that are named', () => {
    const { ranges } = table({ dns: cidrs('9.9.9.9', '2620:fe::fe') });
    expect(ranges['dns4']).toEqual(['9.9.9.9-9.9.9.9']);
    expect(ranges['dns6']).toHaveLength(1);
  });
});

describe('chains', () => {
  it('let nothing pass for its mark that is only passed on', () => {
    const { chains } = table({});
    const steps = (name: string) => chains.find((chain) => chain.name === name)!.rules.length;
    expect(chains.find(({ name }) => name === 'output')!.rules.some(({ comment }) => comment === 'our own')).toBe(true);
    expect(chains.find(({ name }) => name === 'forward')!.rules.some(({ comment }) => comment !== undefined)).toBe(
      false,
    );
    expect(steps('forward')).toBe(2);
  });

  it('stand before those that jump into them', () => {
    const names = table({}).chains.map(({ name }) => name);
    expect(names).toEqual(['dns', 'outside', 'output', 'forward']);
  });
});

describe('ranges of addresses', () => {
  it('are cut out of others', () => {
    const [all] = rangesOf(cidrs('10.0.0.0/8'), 4);
    expect(without(all!, [])).toEqual([all]);
    expect(without(all!, rangesOf(cidrs('10.0.0.0/8'), 4))).toEqual([]);
    expect(without(all!, rangesOf(cidrs('10.255.0.0/16', '11.0.0.0/8'), 4))).toEqual([
      { first: 0x0a00_0000n, last: 0x0afe_ffffn },
    ]);
  });

  it('are everything in however many parts', () => {
    expect(isEverything(rangesOf(cidrs('0.0.0.0/2', '64.0.0.0/2', '128.0.0.0/1'), 4), 4)).toBe(true);
    expect(isEverything(rangesOf(cidrs('0.0.0.0/1'), 4), 4)).toBe(false);
    expect(isEverything([], 4)).toBe(false);
  });
});

describe('the option', () => {
  const schema = killSwitchOption(z);

  it.each([
    [undefined, undefined],
    [false, undefined],
    [true, { always: false, dns: undefined, lan: 'on-link' }],
    ['always', { always: true, dns: undefined, lan: 'on-link' }],
    [{ lan: false }, { always: false, dns: undefined, lan: [] }],
    [
      { always: true, dns: ['9.9.9.9'], lan: ['10.1.0.0/16'] },
      { always: true, dns: cidrs('9.9.9.9'), lan: cidrs('10.1.0.0/16') },
    ],
  ])('%j', (written, expected) => {
    expect(killSwitchSettings(schema.parse(written))).toEqual(expected);
  });

  it.each([['never'], [{ dns: ['dns.example'] }], [{ lan: ['eth0'] }], [{ lans: true }]])('refuses %j', (written) => {
    expect(schema.safeParse(written).success).toBe(false);
  });
});
