import type { Holder } from './fair-share.js';
import type { TransportAddress } from '@wirepath/stun-codec';
import type { PeerVerdict } from './peer-policy.js';
import type { RelayPort } from './relay-ports.js';
import type { ServerSocket } from './server-socket.js';

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
  readonly peer: TransportAddress;
  /** {@link endpointKey} of the peer. */
  readonly peerKey: string;
  /** When the server forgets it. */
  expiresAtMs: number;
}

interface Permission {
  scope: Exclude<PeerVerdict, 'refused'>;
  expiresAtMs: number;
}

/** Map key of an address as a socket reports it; cheaper than its proper text form. */
export function endpointKey(ip: string, port: number): string {
  return `${ip}|${port}`;
}

export interface AllocationOwner {
  /** The socket that the client sends to: with the client's address, the 5-tuple. */
  readonly socket: ServerSocket;
  readonly client: TransportAddress;
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
  expiresAtMs: number;
  #first: FirstAnswer | undefined;
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

  /** How far a live permission for this IP address reaches; undefined where there is none. */
  permissionFor(ip: string, nowMs: number): Permission['scope'] | undefined {
    const permission = this.#permissions.get(ip);
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

  channelOf(peerKey: string, nowMs: number): Channel | undefined {
    const channel = this.#channelOfPeer.get(peerKey);
    return channel !== undefined && channel.expiresAtMs > nowMs ? channel : undefined;
  }

  /** Binds or renews. `conflict`: the number or the peer is bound otherwise. */
  bindChannel(number: number, peer: TransportAddress, nowMs: number): 'bound' | 'conflict' | 'full' {
    const peerKey = endpointKey(peer.ip, peer.port);
    const sameNumber = this.channel(number, nowMs);
    const samePeer = this.channelOf(peerKey, nowMs);
    if (sameNumber !== samePeer) return 'conflict';
    if (sameNumber !== undefined) {
      sameNumber.expiresAtMs = nowMs + CHANNEL_LIFETIME_MS;
      return 'bound';
    }
    this.expire(nowMs);
    if (this.#channels.size >= MAX_CHANNELS) return 'full';
    const channel = { number, peer, peerKey, expiresAtMs: nowMs + CHANNEL_LIFETIME_MS };
    this.#channels.set(number, channel);
    this.#channelOfPeer.set(peerKey, channel);
    return 'bound';
  }

  /** Forgets what has expired; reading never depends on it. */
  expire(nowMs: number): void {
    if (this.#first !== undefined && this.#first.untilMs <= nowMs) this.#first = undefined;
    for (const [ip, { expiresAtMs }] of this.#permissions) if (expiresAtMs <= nowMs) this.#permissions.delete(ip);
    for (const [number, { expiresAtMs, peerKey }] of this.#channels) {
      if (expiresAtMs > nowMs) continue;
      this.#channels.delete(number);
      this.#channelOfPeer.delete(peerKey);
    }
  }
}
