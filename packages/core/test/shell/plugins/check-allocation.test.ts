import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { RelayFraming } from '../../../src/contracts/path.js';
import type { Allocation, RelayServer } from '../../../src/contracts/relay.js';
import {
  allocationFault,
  framingFault,
  roundTripFault,
  serverFault,
} from '../../../src/shell/plugins/check-allocation.js';

const ADDRESS = transportAddress('203.0.113.10', 50_000);
const BASE = { id: 'udp4', family: 4, port: 51820, shared: true } as const;
const throwing = new Proxy(
  {},
  {
    get: () => {
      throw new Error('a getter of a plugin’s');
    },
  },
);

describe('an allocation that a relay has made', () => {
  const good = { id: 'a1', relayedAddress: ADDRESS, mappedAddress: ADDRESS };

  it.each<[string, unknown, string | undefined]>([
    ['as it should be', good, undefined],
    ['without a mapped address', { ...good, mappedAddress: undefined }, undefined],
    ['without an id', { ...good, id: '' }, 'expected id to be text, found ""'],
    ['with a number as its id', { ...good, id: 7 }, 'expected id to be text, found 7'],
    ['with the id of another', { ...good, id: 'taken' }, 'expected id to be its own, found that of another allocation'],
    ['without an address', { ...good, relayedAddress: null }, 'expected relayedAddress to be an IP address and a port'],
    [
      'at port 0',
      { ...good, relayedAddress: { ...ADDRESS, port: 0 } },
      'expected relayedAddress to be an IP address and a port',
    ],
    [
      'at a name',
      { ...good, relayedAddress: { ...ADDRESS, ip: 'relay' } },
      'expected relayedAddress to be an IP address and a port',
    ],
    [
      'of another family than it says',
      { ...good, relayedAddress: { ...ADDRESS, family: 6 } },
      'expected relayedAddress to be an IP address and a port',
    ],
    [
      'at an address that is not written canonically',
      { ...good, relayedAddress: { ip: '2001:DB8::1', port: 1, family: 6 } },
      'expected relayedAddress to be an IP address and a port',
    ],
    [
      'with a mapped address that is none',
      { ...good, mappedAddress: null },
      'expected mappedAddress to be an IP address and a port',
    ],
    ['that throws when it is read', throwing, 'it cannot be read'],
    ['that is none', undefined, 'it cannot be read'],
  ])('%s', (_what, allocation, fault) => {
    expect(allocationFault(allocation as Allocation, new Set(['taken']))).toBe(fault);
  });
});

describe('a framing for one peer', () => {
  const channel = { kind: 'channel', allocationId: 'a1', channel: 0x4000, base: BASE, server: ADDRESS };
  const stream = { kind: 'stream', allocationId: 'a1', send: () => undefined };
  const outOfRange = (found: string) => `expected channel to be from 0x4000 to 0x4fff, found ${found}`;

  it.each<[string, unknown, string | undefined]>([
    ['by channel', channel, undefined],
    ['by the last channel', { ...channel, channel: 0x4fff }, undefined],
    ['by stream', stream, undefined],
    ['that is none', null, 'expected a framing, found null'],
    ['that is text', 'channel', 'expected a framing, found "channel"'],
    ['of another allocation', { ...stream, allocationId: 'a2' }, 'expected allocationId to be that of the allocation'],
    ['by a stream that takes nothing', { ...stream, send: 'no' }, 'expected a stream to have a method send'],
    ['of another kind', { ...stream, kind: 'pigeon' }, 'expected kind channel or stream'],
    ['by a channel below', { ...channel, channel: 0x3fff }, outOfRange('16383')],
    ['by a channel above', { ...channel, channel: 0x5000 }, outOfRange('20480')],
    ['by half a channel', { ...channel, channel: 16384.5 }, outOfRange('16384.5')],
    [
      'from a socket that there is not',
      { ...channel, base: { ...BASE, id: 'udp9' } },
      'expected base to be one that the transport has',
    ],
    ['to no server', { ...channel, server: undefined }, 'expected server to be an IP address and a port'],
    ['that throws when it is read', throwing, 'it cannot be read'],
  ])('%s', (_what, framing, fault) => {
    expect(framingFault(framing as RelayFraming, 'a1', [BASE])).toBe(fault);
  });
});

describe('a round trip that a relay has measured', () => {
  it.each<[unknown, string | undefined]>([
    [0, undefined],
    [12.5, undefined],
    [-1, 'expected a round trip in ms, found -1'],
    [NaN, 'expected a round trip in ms, found NaN'],
    [Infinity, 'expected a round trip in ms, found Infinity'],
    ['12', 'expected a round trip in ms, found "12"'],
    [null, 'expected a round trip in ms, found null'],
  ])('%s', (rttMs, fault) => {
    expect(roundTripFault(rttMs)).toBe(fault);
  });
});

describe('a server of a relay', () => {
  it.each<[string, unknown, string | undefined]>([
    ['over UDP', { url: 'turn:relay', transport: 'udp' }, undefined],
    ['over TLS', { url: 'turns:relay', transport: 'tls' }, undefined],
    ['of a group', { url: 'turn:relay', transport: 'tcp', group: 'relay' }, undefined],
    [
      'of a group without a name',
      { url: 'turn:relay', transport: 'tcp', group: '' },
      'expected group to be text, found ""',
    ],
    ['of no group', { url: 'turn:relay', transport: 'tcp', group: 1 }, 'expected group to be text, found 1'],
    ['without a URL', { url: '', transport: 'udp' }, 'expected url to be text, found ""'],
    [
      'over something else',
      { url: 'turn:relay', transport: 'sctp' },
      'expected transport to be udp, tcp or tls, found "sctp"',
    ],
    ['that is none', null, 'expected url to be text, found undefined'],
    ['that throws when it is read', throwing, 'it cannot be read'],
  ])('%s', (_what, server, fault) => {
    expect(serverFault(server as RelayServer)).toBe(fault);
  });
});
