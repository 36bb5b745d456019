import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { OwnNetwork } from '../../../src/shell/driver/own-network.js';

describe('our own network', () => {
  const network = new OwnNetwork(['10.77.0.1/24', 'fd77::1/64']);
  network.setPeer('a', ['10.99.0.2/32', 'fd99::2/128', '192.168.0.0/16', '0.0.0.0/0']);

  it.each([
    ['in the network of our interface', '10.77.0.200', true],
    ['the same, IPv6', 'fd77::5', true],
    ["a peer's own tunnel address", '10.99.0.2', true],
    ['the same, IPv6', 'fd99::2', true],
    ['beside it', '10.99.0.3', false],
    ['in a network behind a peer: our own datagrams are kept out of its route', '192.168.5.5', false],
    ['anywhere, with a default route through a peer', '203.0.113.1', false],
    ['a link-local address with a zone', 'fe80::1%eth0', false],
  ])('%s', (_what, ip, inside) => {
    expect(network.contains(transportAddress(ip, 51820))).toBe(inside);
  });
});

describe("peers' tunnel addresses", () => {
  it('come, change and go with their peers, one that two have with the last', () => {
    const network = new OwnNetwork([]);
    const has = (ip: string) => network.contains(transportAddress(ip, 1));
    network.setPeer('a', ['10.99.0.1/32', '10.99.0.2/32']);
    network.setPeer('b', ['10.99.0.2/32']);
    network.setPeer('a', ['10.99.0.2/32', 'fd99:0::3/128']);
    expect([has('10.99.0.1'), has('10.99.0.2'), has('fd99::3')]).toEqual([false, true, true]);
    network.removePeer('a');
    expect([has('10.99.0.2'), has('fd99::3')]).toEqual([true, false]);
    network.removePeer('b');
    network.removePeer('b');
    expect(has('10.99.0.2')).toBe(false);
  });
});
