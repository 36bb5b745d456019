import type {
  KnownPeer,
  LiveStatus,
  NodeEvents,
  NodePeers,
  PeerEvent,
  PeerStatus,
  StatusDocument,
} from '@wirepath/core';

export interface StaticPeer extends KnownPeer {
  readonly status: PeerStatus;
}

/** A node as its services see it, which becomes what a test says: the needs `status`, `peers` and `events`. */
export class StaticNode {
  readonly #peers = new Map<string, StaticPeer>();
  readonly #changes = new Set<() => void>();
  readonly #events = new Set<(event: PeerEvent) => void>();

  /** Adds or changes a peer, and tells those who listen. */
  set(peer: KnownPeer, status: Partial<PeerStatus> = {}): void {
    const { name, publicKey } = peer;
    const before = this.#peers.get(publicKey)?.status;
    const now = { ...UNCONNECTED, ...before, ...status, name, publicKey };
    this.#peers.set(publicKey, { ...peer, status: now });
    this.#tell({ name, publicKey, before: before?.connection, connection: now.connection });
  }

  remove(publicKey: string): void {
    const gone = this.#peers.get(publicKey);
    if (gone === undefined) return;
    this.#peers.delete(publicKey);
    this.#tell({ name: gone.name, publicKey, before: gone.status.connection, connection: undefined });
  }

  /** Those who listen now: none may be left when a service has stopped. */
  get listeners(): number {
    return this.#changes.size + this.#events.size;
  }

  needs(): { status: LiveStatus; peers: NodePeers; events: NodeEvents } {
    return {
      status: { document: () => this.#document(), onChange: (listener) => subscribed(this.#changes, () => listener()) },
      peers: {
        list: () => [...this.#peers.values()].map(({ status: _status, ...peer }) => peer),
        status: (publicKey) => this.#peers.get(publicKey)?.status,
      },
      events: { on: (listener) => subscribed(this.#events, (event) => listener(event)) },
    };
  }

  #tell(event: PeerEvent): void {
    for (const listener of [...this.#changes]) listener();
    if (event.before !== event.connection) for (const listener of [...this.#events]) listener(event);
  }

  #document(): StatusDocument {
    const peers = [...this.#peers.values()].map(({ status }) => status);
    return { node: IDLE_NODE, signaling: [], relays: [], peers };
  }
}

function subscribed<T>(listeners: Set<T>, listener: T): Disposable {
  listeners.add(listener);
  return { [Symbol.dispose]: () => void listeners.delete(listener) };
}

const UNCONNECTED: Omit<PeerStatus, 'name' | 'publicKey'> = {
  connection: 'connecting',
  endpoint: null,
  relay: null,
  rttMs: null,
  lastHandshakeMs: null,
  rxBytes: 0,
  txBytes: 0,
  since: '2026-01-01T00:00:00.000Z',
  reason: null,
};

const IDLE_NODE: StatusDocument['node'] = {
  version: '0.0.0',
  publicKey: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  interface: 'conformance0',
  addresses: ['10.77.0.1/24'],
  listenPort: 51820,
  natBehavior: { mapping: null, filtering: null },
  transport: {},
  candidates: [],
  dropped: {},
  problems: [],
};
