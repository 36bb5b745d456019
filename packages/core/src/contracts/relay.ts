import type { TransportAddress } from '@wirepath/stun-codec';
import type { Datagrams } from './datagrams.js';
import type { RelayFraming } from './path.js';

/** A relay server as configured. Its credential stays in the plugin. */
export interface RelayServer {
  /** For status, logs and errors: no credential in it. */
  readonly url: string;
  /** How it is reached; the relayed side is UDP always. */
  readonly transport: RelayTransport;
  /**
   * Servers of one group are one machine, reached in several ways: there is an allocation on one of them at most, over the
   * cheapest transport that works. @default a machine of its own.
   */
  readonly group?: string;
}

/** The cheapest first. */
export const RELAY_TRANSPORTS = ['udp', 'tcp', 'tls'] as const;

export type RelayTransport = (typeof RELAY_TRANSPORTS)[number];

export interface RelayContext {
  readonly datagrams: Datagrams | undefined;
  readonly signal: AbortSignal;
}

/**
 * A place on a relay that peers can send to (RFC 8656 allocation). It renews itself, its permissions and its channels.
 * What peers send is unwrapped by the plugin and handed to {@link Datagrams.receive}.
 */
export interface Allocation {
  readonly id: string;
  readonly server: RelayServer;
  /** The relayed candidate. */
  readonly relayedAddress: TransportAddress;
  /** This node as the relay sees it; a server-reflexive candidate for free. */
  readonly mappedAddress?: TransportAddress;
  /** Round trip to the relay, ms, of the newest answered request. */
  readonly rttMs: number | undefined;
  /**
   * Lets `peer` send to us (its IP, whatever the port) and binds a channel to exactly that address where there is one.
   * Idempotent. Rejects when the server refuses this peer (403): other peers are not touched by it.
   */
  permit(peer: TransportAddress, options: { signal: AbortSignal }): Promise<RelayFraming>;
  /** Stops renewing what {@link permit} installed. */
  release(peer: TransportAddress): void;
  /** Renews now. @returns false when the server has lost it; `onLost` is called too. */
  refresh(options: { signal: AbortSignal }): Promise<boolean>;
  onLost(listener: (reason: Error) => void): Disposable;
  /** Deletes it on the server (Refresh with lifetime 0), waiting at most a moment. Idempotent. */
  close(): Promise<void>;
}

export interface Relay {
  /** After a `reload`, those that are as before are the same objects. */
  readonly servers: readonly RelayServer[];
  /**
   * Rejects when the server does not answer, refuses the credential, or is full. An error with `answered: true` says that the
   * server was reached.
   */
  allocate(server: RelayServer, context: RelayContext): Promise<Allocation>;
  /**
   * Asks the server without allocating: an Allocate without credentials, up to its 401. What it opened (connection, realm,
   * nonce) may serve an `allocate` on the same server that follows within seconds. It disturbs no allocation, and resolves the
   * server's name anew. Without it there is an allocation on every server; with it, on the nearest that answers.
   * @returns round trip to the server, ms. Rejects like `allocate`, and when `context.signal` is aborted: a server that is
   * silent is given up so.
   */
  probe?(server: RelayServer, context: RelayContext): Promise<number>;
  /**
   * The rc file was read again, and says other options: takes them over without a restart, and keeps what is the same.
   * @param options output of the plugin's schema. @returns what of it takes a restart all the same, a clause each.
   */
  reload?(options: unknown): readonly string[] | undefined;
  /** Datagrams taken and dropped since the start, by reason: ours to name, never the network's. */
  counters?(): Readonly<Record<string, number>>;
}
