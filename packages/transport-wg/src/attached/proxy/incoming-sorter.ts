import { randomBytes } from 'node:crypto';
import { pathKey, type PublicKey, type TransportPath } from '@wirepath/core/plugin';
import type { Mishaps } from '../../events/mishaps.js';
import type { Aead } from '../../protocol/aead.js';
import { CookieChecker } from '../../protocol/cookie.js';
import { defaultAead } from '../../protocol/crypto-self-test.js';
import { dhKeyPair, type DhKeyPair } from '../../protocol/crypto.js';
import { UNDER_LOAD_HANDSHAKES_PER_SECOND } from '../../protocol/constants.js';
import { formatKey } from '../../protocol/keys.js';
import {
  decodeInitiation,
  MESSAGE_INITIATION,
  MESSAGE_RESPONSE,
  messageType,
  readUint32,
} from '../../protocol/messages.js';
import { readInitiation } from '../../protocol/noise.js';

/** Of one peer: a handshake each way and the three sessions that WireGuard keeps, and as many again on their way out. */
const INDICES_PER_PEER = 10;

export interface DroppedDatagram {
  readonly dropped: 'malformed' | 'mac1' | 'unknown-peer' | 'unknown-receiver' | 'rate-limited';
  /** Who an initiation of an unknown peer says that it is from. */
  readonly sender?: PublicKey | undefined;
}

/** What was dropped, where it can mean somebody's mistake. */
export function tellOfDropped({ dropped, sender }: DroppedDatagram, { remote }: TransportPath, mishaps: Mishaps): void {
  if (dropped === 'mac1') mishaps.handshakeRefused('other-key', undefined, remote);
  if (dropped === 'unknown-peer') mishaps.handshakeRefused('unknown-peer', sender, remote);
}

export type SortedDatagram = { readonly publicKey: PublicKey } | DroppedDatagram;

/**
 * Tells whose a WireGuard datagram is, though its content is opaque: it carries a receiver index that the device chose for
 * that peer and named in a handshake message of its own; an initiation, which has none, names its sender in a field
 * sealed to our static key, which the node has. Both are exact, so no path has to be known beforehand.
 */
export class IncomingSorter {
  readonly #aead: Aead;
  readonly #local: DhKeyPair;
  readonly #checker: CookieChecker;
  readonly #peers = new Map<PublicKey, number[]>();
  readonly #receivers = new Map<number, PublicKey>();
  /** Owner of each path, and the paths of each owner. */
  readonly #paths = new Map<string, PublicKey>();
  readonly #pathsOf = new Map<PublicKey, readonly string[]>();
  #windowStartMs = -Infinity;
  #inWindow = 0;

  /** @param privateKey 32 bytes, copied. */
  constructor(privateKey: Uint8Array, aead: Aead = defaultAead()) {
    this.#aead = aead;
    this.#local = dhKeyPair(privateKey);
    this.#checker = new CookieChecker(aead, randomBytes, this.#local.publicKey);
  }

  addPeer(publicKey: PublicKey): void {
    if (!this.#peers.has(publicKey)) this.#peers.set(publicKey, []);
  }

  removePeer(publicKey: PublicKey): void {
    for (const index of this.#peers.get(publicKey) ?? []) this.#receivers.delete(index);
    this.#peers.delete(publicKey);
    this.setPaths(publicKey, []);
  }

  /** Where the peer is known to be: only for initiations, and only when there are too many to open them all. */
  setPaths(publicKey: PublicKey, paths: readonly TransportPath[]): void {
    for (const key of this.#pathsOf.get(publicKey) ?? []) {
      // Another peer may have come to it since.
      if (this.#paths.get(key) === publicKey) this.#paths.delete(key);
    }
    const keys = paths.map((path) => pathKey(path));
    for (const key of keys) this.#paths.set(key, publicKey);
    if (keys.length > 0) this.#pathsOf.set(publicKey, keys);
    else this.#pathsOf.delete(publicKey);
  }

  /** The device sent this to the peer: a handshake message names the index that answers will carry. */
  learn(publicKey: PublicKey, datagram: Uint8Array): void {
    const type = messageType(datagram);
    if (type !== MESSAGE_INITIATION && type !== MESSAGE_RESPONSE) return;
    const indices = this.#peers.get(publicKey);
    const index = readUint32(datagram, 4);
    if (indices === undefined || this.#receivers.get(index) === publicKey) return;
    this.#receivers.set(index, publicKey);
    indices.push(index);
    if (indices.length <= INDICES_PER_PEER) return;
    const oldest = indices.shift();
    if (oldest !== undefined && this.#receivers.get(oldest) === publicKey) this.#receivers.delete(oldest);
  }

  sort(datagram: Uint8Array, from: TransportPath, now: number): SortedDatagram {
    const type = messageType(datagram);
    if (type === undefined) return { dropped: 'malformed' };
    if (type === MESSAGE_INITIATION) return this.#sortInitiation(datagram, from, now);
    const publicKey = this.#receivers.get(readUint32(datagram, type === MESSAGE_RESPONSE ? 8 : 4));
    if (publicKey === undefined) return { dropped: 'unknown-receiver' };
    return { publicKey };
  }

  #sortInitiation(datagram: Uint8Array, from: TransportPath, now: number): SortedDatagram {
    if (!this.#checker.hasValidMac1(datagram)) return { dropped: 'mac1' };
    if (!this.#affords(now)) {
      const known = this.#paths.get(pathKey(from));
      return known === undefined ? { dropped: 'rate-limited' } : { publicKey: known };
    }
    const initiation = decodeInitiation(datagram);
    const claimed = initiation && readInitiation(this.#aead, this.#local, initiation);
    const publicKey = claimed && formatKey(claimed.claimedPublicKey);
    return publicKey !== undefined && this.#peers.has(publicKey)
      ? { publicKey }
      : { dropped: 'unknown-peer', sender: publicKey };
  }

  /** Opening one costs a public-key operation; who knows our public key can ask for many. */
  #affords(now: number): boolean {
    if (now - this.#windowStartMs >= 1000) {
      this.#windowStartMs = now;
      this.#inWindow = 0;
    }
    this.#inWindow += 1;
    return this.#inWindow <= UNDER_LOAD_HANDSHAKES_PER_SECOND;
  }
}
