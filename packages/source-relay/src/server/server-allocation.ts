import type { TransportAddress } from '@wirepath/stun-codec';
import type { PeerVerdict } from './peer-policy.js';
import type { RelayPort } from './relay-ports.js';
import type { UdpSocket } from './udp-socket.js';

/** RFC 8656, section 9. */
export const PERMISSION_LIFETIME_MS = 300_000;
/** RFC 8656, section 12. */
export const CHANNEL_LIFETIME_MS = 600_000;
/** Per allocation: more than any honest client needs, little enough to hold. */
const MAX_PERMISSIONS = 16_384;
const MAX_CHANNELS = 4096;

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
  readonly socket: UdpSocket;
  readonly client: TransportAddress;
  readonly username: string;
  readonly key: Buffer;
}

/** An allocation (RFC 8656, section 3.2) as state: what is permitted and bound, and until when. */
export class ServerAllocation {
  readonly owner: AllocationOwner;
  readonly port: RelayPort;
  /** Of the Allocate that made it: a retransmission gets the same answer. */
  readonly transactionKey: string;
  readonly response: Uint8Array;
  expiresAtMs: number;
  readonly #permissions = new Map<string, Permission>();
  readonly #channels = new Map<number, Channel>();
  readonly #channelOfPeer = new Map<string, Channel>();

  constructor(options: {
    owner: AllocationOwner;
    port: RelayPort;
    transactionKey: string;
    response: Uint8Array;
    expiresAtMs: number;
  }) {
    this.owner = options.owner;
    this.port = options.port;
    this.transactionKey = options.transactionKey;
    this.response = options.response;
    this.expiresAtMs = options.expiresAtMs;
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
    else if (this.hasRoomForPermissions(1)) this.#permissions.set(ip, { scope, expiresAtMs });
    else return false;
    return true;
  }

  hasRoomForPermissions(count: number): boolean {
    return this.#permissions.size + count <= MAX_PERMISSIONS;
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
    for (const [ip, { expiresAtMs }] of this.#permissions) if (expiresAtMs <= nowMs) this.#permissions.delete(ip);
    for (const [number, { expiresAtMs, peerKey }] of this.#channels) {
      if (expiresAtMs > nowMs) continue;
      this.#channels.delete(number);
      this.#channelOfPeer.delete(peerKey);
    }
  }
}
