import { describe, expect, it } from 'vitest';
import {
  checkCandidate,
  isLifetimeMs,
  natBehaviorFault,
  plainNatBehavior,
} from '../../../src/shell/plugins/check-candidate.js';

const BASE = { id: 'udp4', family: 4, port: 51820, shared: true } as const;
const HOST = { type: 'host', address: { ip: '192.0.2.1', port: 51820 } };
const read = (value: unknown) => checkCandidate(value, [BASE]);

describe('a candidate that a source yields', () => {
  it('is read once, complete and as an object of our own', () => {
    const given = {
      ...HOST,
      address: { ip: '2001:DB8::1', port: 51820 },
      base: { id: 'udp4', port: 1 },
      localPreference: 65535,
      server: 's'.repeat(256),
      relatedAddress: { ip: '192.0.2.1', port: 1 },
      more: true,
    };
    expect(read(given)).toEqual({
      candidate: {
        type: 'host',
        address: { family: 6, ip: '2001:db8::1', port: 51820 },
        base: BASE,
        localPreference: 65535,
        server: 's'.repeat(256),
        relatedAddress: { family: 4, ip: '192.0.2.1', port: 1 },
      },
    });
    expect(read(HOST)).toEqual({ candidate: { type: 'host', address: { family: 4, ip: '192.0.2.1', port: 51820 } } });
    expect(read({ ...HOST, localPreference: 0, server: '' })).toMatchObject({
      candidate: { localPreference: 0, server: '' },
    });
  });

  it.each<[unknown, string, string]>([
    [null, 'a candidate', 'expected a candidate to be an object, found null'],
    [[], 'a candidate', 'expected a candidate to be an object, found a list'],
    [
      { ...HOST, type: 'peer-reflexive' },
      'a candidate',
      'expected type host, server-reflexive, relayed, found "peer-reflexive"',
    ],
    [{ type: 'host' }, 'a host candidate', 'expected address to be an object with ip and port, found undefined'],
    [
      { type: 'relayed', address: { ip: 'relay', port: 1 } },
      'a relayed candidate',
      'expected address to be an IP address and a port, found "relay" and 1',
    ],
    [
      { ...HOST, address: { ip: '192.0.2.1', port: 0 } },
      'a host candidate',
      'expected address to be an IP address and a port, found "192.0.2.1" and 0',
    ],
    [
      { ...HOST, base: { id: 'udp9' } },
      'a host candidate',
      'expected base to be one that the transport has, found id "udp9"',
    ],
    [{ ...HOST, base: 'udp4' }, 'a host candidate', 'expected base to be one of the transport, found "udp4"'],
    [
      { ...HOST, localPreference: -1 },
      'a host candidate',
      'expected localPreference to be a whole number from 0 to 65535, found -1',
    ],
    [
      { ...HOST, localPreference: 65536 },
      'a host candidate',
      'expected localPreference to be a whole number from 0 to 65535, found 65536',
    ],
    [
      { ...HOST, localPreference: 1.5 },
      'a host candidate',
      'expected localPreference to be a whole number from 0 to 65535, found 1.5',
    ],
    [{ ...HOST, server: 7 }, 'a host candidate', 'expected server to be text of at most 256 characters, found 7'],
    [
      { ...HOST, relatedAddress: {} },
      'a host candidate',
      'expected relatedAddress to be an IP address and a port, found undefined and undefined',
    ],
  ])('%j is refused', (value, subject, why) => {
    expect(read(value)).toEqual({ subject, why });
  });

  it('is refused where its server is too long, or a getter of it throws', () => {
    expect(read({ ...HOST, server: 's'.repeat(257) })).toMatchObject({
      why: expect.stringContaining('at most 256') as string,
    });
    const throwing = {
      ...HOST,
      get server() {
        throw new Error('a plugin’s');
      },
    };
    expect(read(throwing)).toEqual({ subject: 'a host candidate', why: 'it throws when it is read' });
  });
});

describe('what a source says of the NAT', () => {
  it.each<[unknown, string | undefined]>([
    [{ mapping: 'endpoint-independent', filtering: null }, undefined],
    [{ mapping: null, filtering: 'address-and-port-dependent' }, undefined],
    [
      { mapping: 'symmetric', filtering: null },
      'expected mapping to be endpoint-independent, address-dependent, address-and-port-dependent or null, found "symmetric"',
    ],
    [
      { mapping: null },
      'expected filtering to be endpoint-independent, address-dependent, address-and-port-dependent or null, found undefined',
    ],
    ['hard', 'expected an object, found "hard"'],
  ])('%j', (value, fault) => {
    expect(natBehaviorFault(value)).toBe(fault);
  });

  it('is the two alone, and a lifetime apart', () => {
    const behavior = { mapping: null, filtering: null, bindingLifetimeMs: 5 };
    expect(plainNatBehavior(behavior)).toEqual({ mapping: null, filtering: null });
    expect([1, 0.5, 0, -1, Infinity, NaN, '5', undefined].map(isLifetimeMs)).toEqual([
      true,
      true,
      ...Array<boolean>(6).fill(false),
    ]);
  });
});
