import { expect, it } from 'vitest';
import type { Peer } from '../../../src/contracts/peer-discovery.js';
import { sameConnection, sameEndpoint, samePeer } from '../../../src/shell/peers/same-peer.js';
import { transportAddress } from '@wirepath/stun-codec';

type Described = Parameters<typeof samePeer>[0];

const ENDPOINT = transportAddress('192.0.2.1', 51_820);
const NAMED = { host: 'b.example', port: 51_820 };
const PEER: Peer = {
  name: 'b',
  publicKey: 'B',
  allowedIps: ['10.77.0.2/32', '10.78.0.0/24'],
  keepaliveSeconds: 25,
  presharedKey: Uint8Array.of(1, 2),
  endpoint: ENDPOINT,
};
const { presharedKey: _key, endpoint: _endpoint, ...PLAIN } = PEER;

it.each<[string, Partial<Described>, { peer: boolean; connection: boolean; endpoint: boolean }]>([
  ['nothing', {}, { peer: true, connection: true, endpoint: true }],
  ['the name', { name: 'c' }, { peer: false, connection: true, endpoint: true }],
  ['the key', { publicKey: 'C' }, { peer: false, connection: false, endpoint: true }],
  ['the keepalive', { keepaliveSeconds: 5 }, { peer: false, connection: false, endpoint: true }],
  [
    'an allowed IP',
    { allowedIps: ['10.77.0.2/32', '10.79.0.0/24'] },
    { peer: false, connection: false, endpoint: true },
  ],
  ['fewer of them', { allowedIps: ['10.77.0.2/32'] }, { peer: false, connection: false, endpoint: true }],
  ['the preshared key', { presharedKey: Uint8Array.of(1, 3) }, { peer: false, connection: false, endpoint: true }],
  ['the port', { endpoint: { ...ENDPOINT, port: 1 } }, { peer: false, connection: false, endpoint: false }],
  ['the address', { endpoint: { ...ENDPOINT, ip: '192.0.2.2' } }, { peer: false, connection: false, endpoint: false }],
  ['the endpoint’s being a name', { endpoint: NAMED }, { peer: false, connection: false, endpoint: false }],
])('two descriptions of a peer that differ in %s', (_what, more, { peer, connection, endpoint }) => {
  const other = { ...PEER, ...more };
  expect([samePeer(PEER, other), sameConnection(PEER, other), sameEndpoint(PEER, other)]).toEqual([
    peer,
    connection,
    endpoint,
  ]);
});

it.each<[string, Described, Described, boolean]>([
  ['neither has an endpoint', PLAIN, PLAIN, true],
  ['one has none', PLAIN, { ...PLAIN, endpoint: ENDPOINT }, false],
  ['the other has none', { ...PLAIN, endpoint: ENDPOINT }, PLAIN, false],
  ['both have one of the same name', { ...PLAIN, endpoint: NAMED }, { ...PLAIN, endpoint: { ...NAMED } }, true],
  ['the names differ', { ...PLAIN, endpoint: NAMED }, { ...PLAIN, endpoint: { ...NAMED, host: 'c.example' } }, false],
  ['one has a preshared key', PLAIN, { ...PLAIN, presharedKey: Uint8Array.of(1) }, false],
])('where %s', (_where, one, other, isSame) => {
  expect([sameConnection(one, other), sameConnection(other, one)]).toEqual([isSame, isSame]);
});
