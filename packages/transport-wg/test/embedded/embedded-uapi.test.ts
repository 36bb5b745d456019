import { describe, expect, it } from 'vitest';
import { transportAddress, type TransportAddress, type TransportPeer } from '@wirepath/core/plugin';
import { EmbeddedUapi, type KnownPeer } from '../../src/embedded/embedded-uapi.js';
import { formatKey, generatePrivateKey, publicKeyOf } from '../../src/protocol/keys.js';
import type { UapiChange, UapiPeerChange } from '../../src/uapi/device.js';
import { newIdentity } from './support.js';

const newKey = () => formatKey(publicKeyOf(generatePrivateKey()));
const change = (overrides: Partial<UapiChange>): UapiChange => ({ replacePeers: false, peers: [], ...overrides });
const peerChange = (publicKey: string, overrides: Partial<UapiPeerChange> = {}): UapiPeerChange => ({
  publicKey,
  remove: false,
  updateOnly: false,
  replaceAllowedIps: false,
  allowedIps: [],
  ...overrides,
});

function subject(initial: { config: TransportPeer; plain: boolean }[] = []) {
  const identity = newIdentity();
  const peers = new Map(initial.map((peer) => [peer.config.publicKey, peer]));
  const suggested: [string, TransportAddress][] = [];
  const moves: boolean[] = [];
  const known = ({ config, plain }: { config: TransportPeer; plain: boolean }): KnownPeer => ({
    config,
    plain,
    status: {
      publicKey: config.publicKey,
      allowedIps: config.allowedIps,
      persistentKeepaliveSeconds: config.keepaliveSeconds ?? 0,
      paths: [],
      lastHandshakeUnixMs: 1_700_000_000_250,
      rxBytes: 1,
      txBytes: 2,
    } as unknown as KnownPeer['status'],
  });
  const uapi = new EmbeddedUapi({
    identity,
    listenPort: () => 51820,
    fwmark: () => 7,
    peers: () => [...peers.values()].map(known),
    peer: (publicKey) => {
      const peer = peers.get(publicKey);
      return peer && known(peer);
    },
    check: (publicKey) => {
      if (publicKey === 'low order') throw new RangeError('secret value');
    },
    put: (config, { plain, moved }) => {
      moves.push(moved);
      peers.set(config.publicKey, { config, plain });
    },
    remove: (publicKey) => void peers.delete(publicKey),
    suggestEndpoint: (publicKey, endpoint) => suggested.push([publicKey, endpoint]),
  });
  return { uapi, identity, peers, suggested, moves };
}

const endpoint = transportAddress('192.0.2.1', 51820);

describe('the embedded transport over UAPI', () => {
  it('shows itself and its peers', () => {
    const publicKey = newKey();
    const { uapi, identity } = subject([
      { config: { publicKey, allowedIps: ['10.0.0.0/8'], keepaliveSeconds: 25 }, plain: false },
    ]);
    expect(uapi.describe()).toMatchObject({
      privateKey: identity.exportPrivateKey(),
      listenPort: 51820,
      fwmark: 7,
      peers: [
        {
          publicKey,
          allowedIps: ['10.0.0.0/8'],
          keepaliveSeconds: 25,
          lastHandshake: { seconds: 1_700_000_000, nanoseconds: 250_000_000 },
        },
      ],
    });
  });

  it('adds, changes and removes plain peers', () => {
    const publicKey = newKey();
    const { uapi, peers, moves } = subject();
    uapi.apply(
      change({ peers: [peerChange(publicKey, { endpoint, allowedIps: [{ cidr: '10.1.0.0/16', remove: false }] })] }),
    );
    expect(peers.get(publicKey)).toEqual({ config: { publicKey, endpoint, allowedIps: ['10.1.0.0/16'] }, plain: true });
    uapi.apply(
      change({
        peers: [
          peerChange(publicKey, {
            keepaliveSeconds: 9,
            allowedIps: [
              { cidr: '10.2.0.0/16', remove: false },
              { cidr: '10.1.0.0/16', remove: true },
            ],
          }),
        ],
      }),
    );
    expect(peers.get(publicKey)?.config).toEqual({
      publicKey,
      endpoint,
      keepaliveSeconds: 9,
      allowedIps: ['10.2.0.0/16'],
    });
    expect(moves).toEqual([true, false]);
    uapi.apply(change({ peers: [peerChange(publicKey, { remove: true })] }));
    expect(peers.size).toBe(0);
  });

  it('takes an endpoint for a signalled peer as a suggestion only', () => {
    const publicKey = newKey();
    const { uapi, peers, suggested } = subject([{ config: { publicKey, allowedIps: [] }, plain: false }]);
    uapi.apply(change({ peers: [peerChange(publicKey, { endpoint })] }));
    expect(suggested).toEqual([[publicKey, endpoint]]);
    expect(peers.get(publicKey)).toEqual({ config: { publicKey, allowedIps: [] }, plain: false });
  });

  it('takes away and keeps a preshared key', () => {
    const publicKey = newKey();
    const presharedKey = new Uint8Array(32).fill(5);
    const { uapi, peers } = subject([{ config: { publicKey, allowedIps: [], presharedKey }, plain: true }]);
    uapi.apply(change({ peers: [peerChange(publicKey)] }));
    expect(peers.get(publicKey)?.config.presharedKey).toBe(presharedKey);
    uapi.apply(change({ peers: [peerChange(publicKey, { presharedKey: null })] }));
    expect(peers.get(publicKey)?.config).toEqual({ publicKey, allowedIps: [] });
  });

  it('ignores our own key and updates of peers that are not there', () => {
    const { uapi, identity, peers } = subject();
    uapi.apply(change({ peers: [peerChange(identity.publicKey), peerChange(newKey(), { updateOnly: true })] }));
    expect(peers.size).toBe(0);
  });

  it('replaces all peers where asked', () => {
    const [before, after] = [newKey(), newKey()];
    const { uapi, peers } = subject([{ config: { publicKey: before, allowedIps: [] }, plain: true }]);
    uapi.apply(change({ replacePeers: true, peers: [peerChange(after)] }));
    expect([...peers.keys()]).toEqual([after]);
  });

  it.each<[string, Partial<UapiChange>]>([
    ['private key', { privateKey: new Uint8Array(32).fill(1) }],
    ['listen port', { listenPort: 1 }],
    ['fwmark', { fwmark: 1 }],
  ])('refuses another %s, and changes nothing then', (what, overrides) => {
    const { uapi, peers } = subject();
    expect(() => uapi.apply(change({ ...overrides, peers: [peerChange(newKey())] }))).toThrow(what);
    expect(peers.size).toBe(0);
  });

  it('accepts what it has already, or "none"', () => {
    const { uapi, identity } = subject();
    uapi.apply(change({ privateKey: identity.exportPrivateKey(), listenPort: 51820, fwmark: 7 }));
    uapi.apply(change({ privateKey: null, listenPort: 0, fwmark: 0 }));
  });

  it('refuses a peer that cannot be, without its words', () => {
    const { uapi } = subject();
    expect(() => uapi.apply(change({ peers: [peerChange('low order')] }))).toThrow(
      expect.objectContaining({ errno: 22, message: expect.not.stringContaining('secret') }),
    );
  });

  it('changes nothing when the last of many peers cannot be: neither those before it nor those to be replaced', () => {
    const [kept, added] = [newKey(), newKey()];
    const { uapi, peers, suggested } = subject([{ config: { publicKey: kept, allowedIps: [] }, plain: false }]);
    const before = [...peers];
    const wrong = change({
      replacePeers: true,
      peers: [peerChange(kept, { endpoint }), peerChange(added), peerChange('low order')],
    });
    expect(() => uapi.apply(wrong)).toThrow(expect.objectContaining({ errno: 22 }));
    expect([...peers]).toEqual(before);
    expect(suggested).toEqual([]);
  });
});
