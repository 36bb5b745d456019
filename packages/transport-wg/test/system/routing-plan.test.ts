import { describe, expect, it } from 'vitest';
import { parseCidr } from '@wirepath/core/plugin';
import { failuresOf } from '../../src/system/ip-command.js';
import { EndpointCover } from '../../src/system/endpoint-cover.js';
import { isPolicyRouted, planExceptions, planRange, type RoutingFrame } from '../../src/system/routing-plan.js';

const cidrs = (...texts: string[]) => texts.map((text) => parseCidr(text)!);

const frame: RoutingFrame = {
  interfaceName: 'wp0',
  connected: cidrs('10.77.0.1/24'),
  table: 7,
  mark: 7,
  priority: 1000,
  listenPort: 51820,
};

/** In the order in which they are added: routes, exceptions, the rules of the ranges. */
function plan(allowedIps: string[], options: { policyRouted?: string[]; tcp?: { ip: string; port: number }[] } = {}) {
  const ranges = cidrs(...allowedIps);
  const holdsEndpoint = (text: string) => options.policyRouted?.includes(text) ?? false;
  const planned = ranges.flatMap((cidr) => planRange(cidr, { holdsEndpoint: holdsEndpoint(cidr.network) }, frame));
  const ruled = ranges.filter((cidr) => isPolicyRouted(cidr, holdsEndpoint(cidr.network)));
  const exceptions = planExceptions(new Set(ruled.map(({ family }) => family)), options.tcp ?? [], frame);
  const routes = planned.filter(({ object }) => object === 'route');
  return [...routes, ...exceptions, ...planned.filter(({ object }) => object === 'rule')].map(
    ({ object, family, spec }) => `${object} ${family} ${spec}`,
  );
}

describe('routes for allowed IPs', () => {
  it('are plain where no endpoint of ours lies in them', () => {
    expect(plan(['10.77.0.2/32', '192.168.7.0/24', 'fd00::/64'])).toEqual([
      'route 0 10.77.0.2/32 dev wp0',
      'route 0 192.168.7.0/24 dev wp0',
      'route 0 fd00::/64 dev wp0',
    ]);
  });

  it('leave out the network of our own address, which the kernel routes', () => {
    expect(plan(['10.77.0.0/24'])).toEqual([]);
  });

  it('put 0.0.0.0/0 into a table of its own, which our own datagrams jump over', () => {
    expect(plan(['0.0.0.0/0'])).toEqual([
      'route 0 0.0.0.0/0 dev wp0 table 7',
      'rule 4 nop priority 1299',
      'rule 4 fwmark 7 goto 1299 priority 1000',
      'rule 4 ipproto udp sport 51820 goto 1299 priority 1001',
      'rule 4 lookup main suppress_prefixlength 0 priority 1068',
      'rule 4 lookup 7 priority 1069',
    ]);
  });

  it('do so for any range that an endpoint lies in, longer prefixes first', () => {
    const rules = plan(['10.0.0.0/8', '10.1.0.0/16', '10.2.0.0/16'], { policyRouted: ['10.0.0.0/8', '10.1.0.0/16'] });
    expect(rules).toContain('route 0 10.2.0.0/16 dev wp0');
    expect(rules.filter((rule) => rule.includes(' to '))).toEqual([
      'rule 4 to 10.0.0.0/8 lookup main suppress_prefixlength 8 priority 1052',
      'rule 4 to 10.0.0.0/8 lookup 7 priority 1053',
      'rule 4 to 10.1.0.0/16 lookup main suppress_prefixlength 16 priority 1036',
      'rule 4 to 10.1.0.0/16 lookup 7 priority 1037',
    ]);
  });

  it('have rules of the family that needs them only, and exceptions for TCP endpoints', () => {
    const tcp = [
      { ip: '203.0.113.10', port: 443 },
      { ip: '2001:db8::10', port: 443 },
    ];
    const rules = plan(['::/0'], { tcp });
    expect(rules).toContain('rule 6 to 2001:db8::10 ipproto tcp dport 443 goto 1299 priority 1002');
    expect(rules.filter((rule) => rule.startsWith('rule 4'))).toEqual([]);
    expect(rules).toContain('rule 6 lookup main suppress_prefixlength 0 priority 1260');
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

describe('what `ip -batch` reports', () => {
  it('is told apart by line', () => {
    const stderr =
      'RTNETLINK answers: File exists\nCommand failed -:2\nError: ipv4: FIB table does not exist.\nDump terminated\nCommand failed -:3\n';
    expect(failuresOf(stderr, ['a', 'b', 'c'])).toEqual([
      { command: 'b', reason: 'RTNETLINK answers: File exists' },
      { command: 'c', reason: 'Error: ipv4: FIB table does not exist.; Dump terminated' },
    ]);
  });

  it('is nothing where all went well', () => {
    expect(failuresOf('', ['a'])).toEqual([]);
  });
});
