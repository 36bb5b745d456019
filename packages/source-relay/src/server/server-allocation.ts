import type { Holder } from './fair-share.js';
import { socketAddress, type SocketAddress } from '@wirepath/linux';
import type { TransportAddress } from '@wirepath/stun-codec';
import { endpointKey } from './endpoint-key.js';
import type { FiveTuple } from './five-tuple.js';
import type { PeerVerdict } from './peer-policy.js';
import type { RelayPort } from './relay-ports.js';

/** RFC 8656, section 9. */
export const PERMISSION_LIFETIME_MS = 300_000;
/** RFC 8656, section 12. */
export const CHANNEL_LIFETIME_MS = 600_000;
/**
 * Per allocation: more peers at a time than any client relays to (a node of ours relays to 100), little enough to hold:
 * with every channel bound an allocation takes about half a megabyte.
 */
export const MAX_PERMISSIONS = 512;
/** Twice as many, because the channel of a peer that came back at another port lives on for 600 s. */
export const MAX_CHANNELS = 1024;

export interface Channel {
  readonly number: number;
  readonly peer: Peer;
  /** When the server forgets it. */
  expiresAtMs: number;
}

/** Of an IP address. One that has expired may be renewed, or be replaced by another. */
export interface Permission {
  scope: Exclude<PeerVerdict, 'refused'>;
  expiresAtMs: number;
}

/**
 * An address that an allocation sends to or hears from. What was found for it is kept here, so that it is not looked up for each
 * packet; that it is still true, its reader asks.
 */
export class Peer {
  readonly address: SocketAddress;
  /** See {@link endpointKey}. */
  readonly key: string;
  permission: Permission | undefined = undefined;
  channel: Channel | undefined = undefined;
  /** Whose relayed address this is, and what that one knows of us, as the table had it at this generation. */
  neighbour: ServerAllocation | undefined = undefined;
  seenByNeighbour: Peer | undefined = undefined;
  neighbourGeneration = -1;

  constructor(address: SocketAddress) {
    this.address = address;
    this.key = endpointKey(address.ip, address.port);
  }
}

export interface AllocationOwner {
  readonly client: FiveTuple;
  readonly username: string;
  readonly key: Buffer;
  readonly holder: Holder;
}

export interface FirstAnswer {
  readonly transactionKey: string;
  readonly response: Uint8Array;
  readonly untilMs: number;
}

/** An allocation (RFC 8656, section 3.2) as state: what is permitted and bound, and until when. */
export class ServerAllocation {
  readonly owner: AllocationOwner;
  readonly port: RelayPort;
  /** When it ends; in the past once it has ended. */
  expiresAtMs: number;
  #first: FirstAnswer | undefined;
  /** Of the last Send indication. */
  #addressee: Peer | undefined;
  readonly #permissions = new Map<string, Permission>();
  readonly #channels = new Map<number, Channel>();
  readonly #channelOfPeer = new Map<string, Channel>();

  constructor(options: { owner: AllocationOwner; port: RelayPort; first: FirstAnswer; expiresAtMs: number }) {
    this.owner = options.owner;
    this.port = options.port;
    this.#first = options.first;
    this.expiresAtMs = options.expiresAtMs;
  }

  /** The answer to the Allocate that made it, for its retransmission. */
  firstAnswer(transactionKey: string, nowMs: number): Uint8Array | undefined {
    return this.#first?.transactionKey === transactionKey && this.#first.untilMs > nowMs
      ? this.#first.response
      : undefined;
  }

  /** Whom a Send indication names, remembered as long as the next ones name the same. */
  addressee(address: TransportAddress): Peer {
    const known = this.#addressee?.address;
    if (this.#addressee === undefined || known?.port !== address.port || known.ip !== address.ip)
      this.#addressee = new Peer(addressOf(address));
    return this.#addressee;
  }

  /** How far a live permission for its IP address reaches; undefined where there is none. */
  permissionOf(peer: Peer, nowMs: number): Permission['scope'] | undefined {
    const known = peer.permission;
    if (known !== undefined && known.expiresAtMs > nowMs) return known.scope;
    const permission = (peer.permission = this.#permissions.get(peer.address.ip));
    return permission !== undefined && permission.expiresAtMs > nowMs ? permission.scope : undefined;
  }

  /** @returns false when there are too many. */
  permit(ip: string, scope: Permission['scope'], nowMs: number): boolean {
    const expiresAtMs = nowMs + PERMISSION_LIFETIME_MS;
    const permission = this.#permissions.get(ip);
    if (permission !== undefined) Object.assign(permission, { scope, expiresAtMs });
    else if (this.hasRoomFor([ip])) this.#permissions.set(ip, { scope, expiresAtMs });
    else return false;
    return true;
  }

  /** Permissions for all of these; those that there are already take no more. */
  hasRoomFor(ips: readonly string[]): boolean {
    const fresh = new Set(ips.filter((ip) => !this.#permissions.has(ip)));
    return this.#permissions.size + fresh.size <= MAX_PERMISSIONS;
  }

  /** What is no longer `open` to clients reaches live relayed ports at most: addresses of the host come and go. */
  restrict(isOpen: (ip: string) => boolean): void {
    for (const [ip, permission] of this.#permissions)
      if (permission.scope === 'open' && !isOpen(ip)) permission.scope = 'relayed-only';
  }

  channel(number: number, nowMs: number): Channel | undefined {
    const channel = this.#channels.get(number);
    return channel !== undefined && channel.expiresAtMs > nowMs ? channel : undefined;
  }

  channelOf(peer: Peer, nowMs: number): Channel | undefined {
    const known = peer.channel;
    if (known !== undefined && known.expiresAtMs > nowMs) return known;
    const channel = (peer.channel = this.#channelOfPeer.get(peer.key));
    return channel !== undefined && channel.expiresAtMs > nowMs ? channel : undefined;
  }

  /** Binds or renews. `conflict`: the number or the peer is bound otherwise. */
  bindChannel(number: number, address: TransportAddress, nowMs: number): 'bound' | 'conflict' | 'full' {
    const peer = new Peer(addressOf(address));
    const sameNumber = this.channel(number, nowMs);
    const samePeer = this.channelOf(peer, nowMs);
    if (sameNumber !== samePeer) return 'conflict';
    if (sameNumber !== undefined) {
      sameNumber.expiresAtMs = nowMs + CHANNEL_LIFETIME_MS;
      return 'bound';
    }
    this.expire(nowMs);
    if (this.#channels.size >= MAX_CHANNELS) return 'full';
    const channel = { number, peer, expiresAtMs: nowMs + CHANNEL_LIFETIME_MS };
    this.#channels.set(number, channel);
    this.#channelOfPeer.set(peer.key, channel);
    return 'bound';
  }

  /** Forgets what has expired; reading never depends on it. */
  expire(nowMs: number): void {
    if (this.#first !== undefined && this.#first.untilMs <= nowMs) this.#first = undefined;
    for (const [ip, { expiresAtMs }] of this.#permissions) if (expiresAtMs <= nowMs) this.#permissions.delete(ip);
    for (const [number, { expiresAtMs, peer }] of this.#channels) {
      if (expiresAtMs > nowMs) continue;
      this.#channels.delete(number);
      this.#channelOfPeer.delete(peer.key);
    }
  }

  /** Whoever still has it in hand finds it expired. */
  end(): void {
    this.expiresAtMs = -Infinity;
  }
}

function addressOf({ ip, port }: TransportAddress): SocketAddress {
  return socketAddress(ip, port);
}
