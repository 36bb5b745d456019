import { describe, expect, it } from 'vitest';
import { cidrContains, parseCidr } from '../../src/system/cidr.js';

describe('CIDR', () => {
  it.each([
    ['10.77.0.1/24', '10.77.0.0/24', 4, 24],
    ['10.77.0.9', '10.77.0.9/32', 4, 32],
    ['0.0.0.0/0', '0.0.0.0/0', 4, 0],
    ['2001:DB8:0::1/32', '2001:db8::/32', 6, 32],
    ['::/0', '::/0', 6, 0],
    ['fd00::1', 'fd00::1/128', 6, 128],
  ])('%s is the network %s', (text, network, family, prefixLength) => {
    expect(parseCidr(text)).toEqual({ text: network, family, prefixLength });
  });

  it.each(['', '10.0.0.0/33', '::/129', '010.0.0.1/8', '10.0.0.0/8/8', 'x', '10.0.0.0/-1'])('%j is none', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  it.each([
    ['0.0.0.0/0', '203.0.113.1', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
  ])('%s contains %s: %s', (network, ip, contained) => {
    expect(cidrContains(parseCidr(network)!, ip)).toBe(contained);
  });
});
