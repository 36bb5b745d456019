import type { Product } from '@wirepath/core';
import type { ControlHandler } from '../src/control/connection.js';
import type { Hello } from '../src/control/protocol.js';
import type { PeerStatus, StatusDocument } from '@wirepath/core';

export const NOW_MS = Date.UTC(2026, 0, 1, 12, 0, 0);
export const ago = (seconds: number): string => new Date(NOW_MS - seconds * 1000).toISOString();

export const product: Product = {
  name: 'acme-mesh',
  version: '1.2.3',
  environmentPrefix: 'ACME_MESH',
  homepage: 'https://acme.example/mesh',
  plugins: {},
  defaultPlugins: [],
  serverPlugins: [],
};

export const hello: Hello = {
  protocol: 1,
  product: 'acme-mesh',
  version: '1.2.3',
  pid: 4711,
  role: 'node',
  publicKey: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
};

export function peerStatus(changes: Partial<PeerStatus> = {}): PeerStatus {
  return {
    name: 'b',
    publicKey: 'BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB=',
    connection: 'hole-punched',
    endpoint: '198.51.100.7:40312',
    relay: null,
    rttMs: 12.34,
    lastHandshakeMs: NOW_MS - 72_000,
    rxBytes: 1_300_000,
    txBytes: 512,
    since: ago(3600),
    reason: null,
    ...changes,
  };
}

export function statusDocument(changes: Partial<StatusDocument> = {}): StatusDocument {
  return {
    node: {
      version: '1.2.3',
      addresses: ['10.77.0.1/24'],
      publicKey: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
      interface: 'wp0',
      listenPort: 51820,
      natBehavior: { mapping: 'endpoint-independent', filtering: null },
      transport: { crypto: 'openssl', datagrams: 'sendmmsg, recvmmsg' },
      candidates: [],
      dropped: {},
      problems: [],
    },
    signaling: [{ url: 'ws://203.0.113.10:7000', state: 'up', since: ago(180), error: null }],
    relays: [],
    peers: [peerStatus()],
    ...changes,
  };
}

/** A control handler whose changes the test makes. */
export function fakeHandler(changes: Partial<ControlHandler> = {}): ControlHandler & {
  readonly change: () => void;
  readonly listeners: Set<() => void>;
} {
  const listeners = new Set<() => void>();
  return {
    hello,
    methods: new Map([['status', () => statusDocument()]]),
    snapshot: () => ({ tick: true }),
    onChange: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    ...changes,
    listeners,
    change: () => {
      for (const listener of listeners) listener();
    },
  };
}
