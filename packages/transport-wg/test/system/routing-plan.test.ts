import { describe, expect, it } from 'vitest';
import { parseCidr } from '@wirepath/core/plugin';
import { entryFamily, entryText } from '../../src/system/routing-entry.js';
import { EndpointCover } from '../../src/system/endpoint-cover.js';
import { isPolicyRouted, planExceptions, planRange, type RoutingFrame } from '../../src/system/routing-plan.js';

const cidrs = (...texts: string[]) => texts.map((text) => parseCidr(text)!);

const frame: RoutingFrame = {
  connected: cidrs('10.77.0.1/24'),
  table: 7,
  mark: { value: 0x57, mask: 0x7f },
  priority: 1000,
  listenPort: 51820,
};

/** In the order in which they are added: routes, exceptions, the rules of the ranges. */
function plan(allowedIps: string[], options: { policyRouted?: string[] } = {}) {
  const ranges = cidrs(...allowedIps);
  const holdsEndpoint = (text: string) => options.policyRouted?.includes(text) ?? false;
  const planned = ranges.flatMap((cidr) => planRange(cidr, { holdsEndpoint: holdsEndpoint(cidr.network) }, frame));
  const ruled = ranges.filter((cidr) => isPolicyRouted(cidr, holdsEndpoint(cidr.network)));
  const exceptions = planExceptions(new Set(ruled.map(({ family }) => family)), frame);
  const routes = planned.filter(({ kind }) => kind === 'route');
  return [...routes, ...exceptions, ...planned.filter(({ kind }) => kind === 'rule')].map(
    (entry) => (entry.kind === 'rule' ? `${entryFamily(entry)} ` : '') + entryText(entry, 'wp0'),
  );
}

describe('routes for allowed IPs', () => {
  it('are plain where no endpoint of ours lies in them', () => {
    expect(plan(['10.77.0.2/32', '192.168.7.0/24', 'fd00::/64'])).toEqual([
      'route 10.77.0.2/32 dev wp0',
      'route 192.168.7.0/24 dev wp0',
      'route fd00::/64 dev wp0',
    ]);
  });

  it('leave out the network of our own address, which the kernel routes', () => {
    expect(plan(['10.77.0.0/24'])).toEqual([]);
  });

  it('put 0.0.0.0/0 into a table of its own, which our own datagrams jump over', () => {
    expect(plan(['0.0.0.0/0'])).toEqual([
      'route 0.0.0.0/0 dev wp0 table 7',
      '4 rule nop priority 1299',
      '4 rule fwmark 0x57/0x7f goto 1299 priority 1000',
      '4 rule ipproto udp sport 51820 goto 1299 priority 1001',
      '4 rule lookup main suppress_prefixlength 0 priority 1068',
      '4 rule lookup 7 priority 1069',
    ]);
  });

  it('do so for any range that an endpoint lies in, longer prefixes first', () => {
    const rules = plan(['10.0.0.0/8', '10.1.0.0/16', '10.2.0.0/16'], { policyRouted: ['10.0.0.0/8', '10.1.0.0/16'] });
    expect(rules).toContain('route 10.2.0.0/16 dev wp0');
    expect(rules.filter((rule) => rule.includes(' to '))).toEqual([
      '4 rule to 10.0.0.0/8 lookup main suppress_prefixlength 8 priority 1052',
      '4 rule to 10.0.0.0/8 lookup 7 priority 1053',
      '4 rule to 10.1.0.0/16 lookup main suppress_prefixlength 16 priority 1036',
      '4 rule to 10.1.0.0/16 lookup 7 priority 1037',
    ]);
  });

  it('have rules of the family that needs them only', () => {
    const rules = plan(['::/0']);
    expect(rules.filter((rule) => rule.startsWith('4 rule'))).toEqual([]);
    expect(rules).toContain('6 rule lookup main suppress_prefixlength 0 priority 1260');
  });

  it('keeps every priority inside the block', () => {
    for (let length = 0; length <= 128; length++) {
      for (const rule of plan([`::/${length}`], { policyRouted: [`::/${length}`] })) {
        const priority = Number(/priority (\d+)/.exec(rule)?.[1] ?? 1000);
        expect(priority).toBeGreaterThanOrEqual(1000);
        expect(priority).toBeLessThan(1300);
      }
    }
  });
});

describe('endpoints and ranges', () => {
  it('finds the ranges that an endpoint lies in', () => {
    const cover = new EndpointCover();
    for (const { network } of cidrs('0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', '::/0')) cover.addRange(network);
    expect(cover.addEndpoint('10.2.0.1')).toEqual(['0.0.0.0/0', '10.0.0.0/8']);
    expect(cover.addEndpoint('10.2.0.1')).toEqual([]);
    expect(cover.addEndpoint('fe80::1%eth0')).toEqual(['::/0']);
  });

  it('finds whether an endpoint lies in a new range, and not in one that is gone', () => {
    const cover = new EndpointCover();
    cover.addEndpoint('10.2.0.1');
    cover.addEndpoint('10.2.7.1');
    expect(cover.addRange('10.2.0.0/24')).toBe(true);
    expect(cover.addRange('10.2.0.1/32')).toBe(true);
    expect(cover.addRange('0.0.0.0/0')).toBe(true);
    expect(cover.addRange('10.2.1.0/24')).toBe(false);
    expect(cover.addRange('10.2.0.2/32')).toBe(false);
    expect(cover.addRange('::/0')).toBe(false);
    cover.removeRange('10.2.0.0/24');
    expect(cover.addEndpoint('10.2.0.9')).toEqual(['0.0.0.0/0']);
  });
});
