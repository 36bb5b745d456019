import { formatAddress, transportAddress } from '@wirepath/stun-codec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_STATE_BYTES, RememberedPeers } from '../../../src/shell/remembered/remembered-peers.js';

const OWN = Buffer.alloc(32, 1).toString('base64');
const PEER = Buffer.alloc(32, 2).toString('base64');
const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const addresses = fc.array(
  fc
    .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }))
    .map(([ip, port]) => transportAddress(ip, port)),
  { minLength: 1, maxLength: 40 },
);

function reread(text: string, nowMs = NOW): RememberedPeers | undefined {
  const peers = new RememberedPeers(OWN);
  return peers.decode(text, nowMs) ? peers : undefined;
}

describe('what is remembered of peers', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(addresses, (found) => {
        const peers = new RememberedPeers(OWN);
        peers.listenPort = 51_820;
        expect(peers.set(PEER, found, NOW)).toBe(true);
        expect(peers.set(PEER, found, NOW + 1)).toBe(false);
        const again = reread(peers.encode());
        expect(again?.listenPort).toBe(51_820);
        expect(again?.addressesOf(PEER).map(formatAddress)).toEqual(peers.addressesOf(PEER).map(formatAddress));
      }),
    );
  });

  it('has no key in it, and is bounded: peers, addresses and bytes', () => {
    const peers = new RememberedPeers(OWN);
    const keyOf = (index: number) => Buffer.alloc(32, `key ${index}`).toString('base64');
    const many = Array.from({ length: 40 }, (_, index) =>
      transportAddress(`2001:db8:1111:2222:3333:4444:5555:${index}`, 60_000),
    );
    for (let index = 0; index < 600; index += 1) peers.set(keyOf(index), many, NOW);
    const text = peers.encode();
    expect(peers.size).toBe(512);
    expect(peers.addressesOf(keyOf(0))).toEqual([]);
    expect(peers.addressesOf(keyOf(599))).toHaveLength(12);
    expect(text.length).toBeLessThan(MAX_STATE_BYTES);
    for (const key of [OWN, keyOf(599)]) expect(text).not.toContain(key.slice(0, 12));
  });

  it('is forgotten after a month', () => {
    const peers = new RememberedPeers(OWN);
    peers.set(PEER, [transportAddress('192.0.2.1', 1)], NOW);
    expect(reread(peers.encode(), NOW + 29 * DAY_MS)?.size).toBe(1);
    expect(reread(peers.encode(), NOW + 31 * DAY_MS)?.size).toBe(0);
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"version":1,"peers":{"x":[1,"192.0.2'],
    ['a list', '[]'],
    ['null', 'null'],
    ['another version', '{"version":2,"peers":{}}'],
    ['no peers', '{"version":1}'],
    ['a port that is none', '{"version":1,"listenPort":70000,"peers":{}}'],
    ['an address that is none', '{"version":1,"peers":{"x":[1,"example.com:1"]}}'],
    ['port 0', '{"version":1,"peers":{"x":[1,"192.0.2.1:0"]}}'],
    ['a peer without a time', '{"version":1,"peers":{"x":["192.0.2.1:1"]}}'],
    ['too many addresses', `{"version":1,"peers":{"x":[1${',"192.0.2.1:1"'.repeat(13)}]}}`],
  ])('is not taken from %s', (_what, text) => expect(reread(text)).toBeUndefined());

  it('is not upset by any text', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((json) => `{"version":1,"peers":${json}}`),
    );
    fc.assert(
      fc.property(texts, (text) => {
        reread(text);
      }),
    );
  });
});
