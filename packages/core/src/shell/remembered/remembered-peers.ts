import { formatAddress, parseTransportAddress, type TransportAddress } from '@wirepath/stun-codec';
import { createHash } from 'node:crypto';
import type { PublicKey } from '../../base/identity/identity.js';

const VERSION = 1;
/** Of these the newest are kept. */
const MAX_PEERS = 512;
const MAX_ADDRESSES = 12;
/** Later an address is more likely somebody else's than the peer's. */
const LIFETIME_MS = 30 * 86_400_000;
/** Longer than any document of ours. */
export const MAX_STATE_BYTES = 512 * 1024;

interface RememberedPeer {
  /** When it was connected last, unix ms. */
  readonly atMs: number;
  /** The one that carried the traffic last comes first. */
  readonly addresses: readonly TransportAddress[];
}

/**
 * Where each peer was when it was connected last, and our own port: what a node keeps over a restart. Peers stand in it under a
 * hash of both public keys; no key does.
 */
export class RememberedPeers {
  /** Port of our own sockets, by which the peers remember us. */
  listenPort: number | undefined;
  readonly #ownKey: PublicKey;
  readonly #peers = new Map<string, RememberedPeer>();

  constructor(ownKey: PublicKey) {
    this.#ownKey = ownKey;
  }

  get size(): number {
    return this.#peers.size;
  }

  addressesOf(peer: PublicKey): readonly TransportAddress[] {
    return this.#peers.get(this.#nameOf(peer))?.addresses ?? [];
  }

  /** @returns whether that is another document than before, but for the time. */
  set(peer: PublicKey, addresses: readonly TransportAddress[], atMs: number): boolean {
    const name = this.#nameOf(peer);
    const before = textOf(this.#peers.get(name)?.addresses ?? []);
    const unique = new Map(addresses.map((address) => [formatAddress(address), address]));
    const kept = [...unique.values()].slice(0, MAX_ADDRESSES);
    // In a new place: what was not seen for longest goes first.
    this.#peers.delete(name);
    this.#peers.set(name, { atMs, addresses: kept });
    for (const oldest of this.#peers.keys()) {
      if (this.#peers.size <= MAX_PEERS) break;
      this.#peers.delete(oldest);
    }
    return textOf(kept) !== before;
  }

  /** JSON. */
  encode(): string {
    const peers = Object.fromEntries(
      [...this.#peers].map(([name, { atMs, addresses }]) => [name, [atMs, ...addresses.map(formatAddress)]]),
    );
    return `${JSON.stringify({ version: VERSION, listenPort: this.listenPort, peers })}\n`;
  }

  /** Takes over what an earlier run has kept. @returns false for what is no such document; nothing is taken then. Never throws. */
  decode(text: string, nowMs: number): boolean {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // Cut short or overwritten: the caller says so.
      return false;
    }
    if (typeof value !== 'object' || value === null) return false;
    const { version, listenPort, peers } = value as Record<string, unknown>;
    if (version !== VERSION || typeof peers !== 'object' || peers === null) return false;
    const entries = Object.entries(peers).map(([name, entry]) => [name, decodePeer(entry)] as const);
    if (entries.some(([, peer]) => peer === undefined)) return false;
    if (listenPort !== undefined && !isPort(listenPort)) return false;
    this.listenPort = listenPort;
    for (const [name, peer] of entries.slice(-MAX_PEERS))
      if (peer !== undefined && nowMs < peer.atMs + LIFETIME_MS) this.#peers.set(name, peer);
    return true;
  }

  #nameOf(peer: PublicKey): string {
    return createHash('sha256').update(`${this.#ownKey}\n${peer}`).digest('base64url').slice(0, 22);
  }
}

function decodePeer(value: unknown): RememberedPeer | undefined {
  if (!Array.isArray(value) || value.length > 1 + MAX_ADDRESSES) return undefined;
  const [atMs, ...texts] = value as unknown[];
  const addresses = texts.map((text) => (typeof text === 'string' ? parseTransportAddress(text) : undefined));
  if (typeof atMs !== 'number' || !Number.isFinite(atMs)) return undefined;
  const whole = addresses.filter((address) => address !== undefined && address.port !== 0);
  return whole.length === addresses.length ? { atMs, addresses: whole as TransportAddress[] } : undefined;
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;
}

function textOf(addresses: readonly TransportAddress[]): string {
  return addresses.map(formatAddress).join(' ');
}
