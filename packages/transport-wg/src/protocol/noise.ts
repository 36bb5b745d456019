import { isSmallOrder } from '@wirepath/core/plugin';
import { AEAD_TAG_BYTES, type Aead } from './aead.js';
import { CONSTRUCTION, IDENTIFIER } from './constants.js';
import { dh, dhKeyPair, hash, kdf1, kdf2, kdf3, KEY_BYTES, type DhKeyPair } from './crypto.js';
import { encodeInitiation, encodeResponse, type Initiation, type Response } from './messages.js';

/**
 * Noise_IKpsk2 as WireGuard uses it (paper section 5.4.2 to 5.4.5): four pure steps, each turning a message into the
 * next and a state into the next. Nothing here knows of peers, time or retransmission.
 */

/** What a handshake needs to know of a peer. */
export interface RemoteIdentity {
  readonly publicKey: Uint8Array;
  /** 32 bytes, all zero for none. */
  readonly presharedKey: Uint8Array;
  /** DH(our static, their static), computed once, when first asked for: of thousands of peers most are idle. */
  readonly staticStatic: Uint8Array;
}

/** An initiator that awaits its response. */
export interface PendingInitiation {
  readonly localIndex: number;
  readonly ephemeral: DhKeyPair;
  readonly chainingKey: Uint8Array;
  readonly hash: Uint8Array;
}

/** A responder that has read an initiation. */
export interface ConsumedInitiation {
  readonly remoteIndex: number;
  readonly remoteEphemeral: Uint8Array;
  readonly chainingKey: Uint8Array;
  readonly hash: Uint8Array;
}

/** An initiation of which only the sender's name has been read: it still has to prove that it owns that name. */
export interface ClaimedInitiation extends ConsumedInitiation {
  readonly claimedPublicKey: Uint8Array;
  readonly sealedTimestamp: Uint8Array;
}

export interface TransportKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

const INITIAL_CHAINING_KEY = hash(CONSTRUCTION);
const INITIAL_HASH = hash(INITIAL_CHAINING_KEY, IDENTIFIER);
const NOTHING = new Uint8Array(0);

/**
 * First message, as initiator.
 * @returns undefined when the peer's key is no usable public key.
 */
export function createInitiation(
  aead: Aead,
  local: DhKeyPair,
  remote: RemoteIdentity,
  localIndex: number,
  timestamp: Uint8Array,
  ephemeralBytes: Uint8Array,
): { datagram: Uint8Array; pending: PendingInitiation } | undefined {
  const ephemeral = dhKeyPair(ephemeralBytes);
  let h = hash(hash(INITIAL_HASH, remote.publicKey), ephemeral.publicKey);
  const ck1 = kdf1(INITIAL_CHAINING_KEY, ephemeral.publicKey);
  const ephemeralStatic = dh(ephemeral.privateKey, remote.publicKey);
  if (ephemeralStatic === undefined) return undefined;
  const [ck2, key1] = kdf2(ck1, ephemeralStatic);
  const sealedStatic = seal(aead, key1, local.publicKey, h);
  h = hash(h, sealedStatic);
  const [ck3, key2] = kdf2(ck2, remote.staticStatic);
  const sealedTimestamp = seal(aead, key2, timestamp, h);
  h = hash(h, sealedTimestamp);
  const datagram = encodeInitiation({
    sender: localIndex,
    ephemeral: ephemeral.publicKey,
    sealedStatic,
    sealedTimestamp,
  });
  return { datagram, pending: { localIndex, ephemeral, chainingKey: ck3, hash: h } };
}

/** Reads the first message as far as the sender's name. @returns undefined when it is not meant for `local`. */
export function readInitiation(aead: Aead, local: DhKeyPair, message: Initiation): ClaimedInitiation | undefined {
  const remoteEphemeral = Uint8Array.from(message.ephemeral);
  const h = hash(hash(INITIAL_HASH, local.publicKey), remoteEphemeral);
  const ck1 = kdf1(INITIAL_CHAINING_KEY, remoteEphemeral);
  const ephemeralStatic = dh(local.privateKey, remoteEphemeral);
  if (ephemeralStatic === undefined) return undefined;
  const [ck2, key] = kdf2(ck1, ephemeralStatic);
  const claimedPublicKey = open(aead, key, message.sealedStatic, h);
  if (claimedPublicKey === undefined) return undefined;
  return {
    remoteIndex: message.sender,
    remoteEphemeral,
    chainingKey: ck2,
    hash: hash(h, message.sealedStatic),
    claimedPublicKey,
    sealedTimestamp: message.sealedTimestamp,
  };
}

/** Proves the name: opens the timestamp with the static keys' secret. @returns undefined when it is forged. */
export function proveInitiation(
  aead: Aead,
  remote: RemoteIdentity,
  claimed: ClaimedInitiation,
): { timestamp: Uint8Array; consumed: ConsumedInitiation } | undefined {
  const [chainingKey, key] = kdf2(claimed.chainingKey, remote.staticStatic);
  const timestamp = open(aead, key, claimed.sealedTimestamp, claimed.hash);
  if (timestamp === undefined) return undefined;
  const { remoteIndex, remoteEphemeral } = claimed;
  return {
    timestamp,
    consumed: { remoteIndex, remoteEphemeral, chainingKey, hash: hash(claimed.hash, claimed.sealedTimestamp) },
  };
}

/**
 * Second message, as responder, and the session that it opens.
 * @returns undefined when a key of the peer's is no usable public key.
 */
export function createResponse(
  aead: Aead,
  remote: RemoteIdentity,
  consumed: ConsumedInitiation,
  localIndex: number,
  ephemeralBytes: Uint8Array,
): { datagram: Uint8Array; keys: TransportKeys } | undefined {
  const ephemeral = dhKeyPair(ephemeralBytes);
  const ephemeralEphemeral = dh(ephemeral.privateKey, consumed.remoteEphemeral);
  const ephemeralStatic = dh(ephemeral.privateKey, remote.publicKey);
  if (ephemeralEphemeral === undefined || ephemeralStatic === undefined) return undefined;
  const mixed = mixResponse(consumed, ephemeral.publicKey, ephemeralEphemeral, ephemeralStatic, remote.presharedKey);
  const sealedNothing = seal(aead, mixed.key, NOTHING, mixed.hash);
  const [receive, send] = kdf2(mixed.chainingKey, NOTHING);
  const datagram = encodeResponse({
    sender: localIndex,
    receiver: consumed.remoteIndex,
    ephemeral: ephemeral.publicKey,
    sealedNothing,
  });
  return { datagram, keys: { send, receive } };
}

/** Reads the second message, as initiator. @returns undefined when it does not answer `pending`. */
export function consumeResponse(
  aead: Aead,
  local: DhKeyPair,
  remote: RemoteIdentity,
  pending: PendingInitiation,
  message: Response,
): TransportKeys | undefined {
  const ephemeralEphemeral = dh(pending.ephemeral.privateKey, message.ephemeral);
  const staticEphemeral = dh(local.privateKey, message.ephemeral);
  if (ephemeralEphemeral === undefined || staticEphemeral === undefined) return undefined;
  const mixed = mixResponse(pending, message.ephemeral, ephemeralEphemeral, staticEphemeral, remote.presharedKey);
  if (open(aead, mixed.key, message.sealedNothing, mixed.hash) === undefined) return undefined;
  const [send, receive] = kdf2(mixed.chainingKey, NOTHING);
  return { send, receive };
}

/** The part of the second message that both sides compute alike. */
function mixResponse(
  state: { readonly chainingKey: Uint8Array; readonly hash: Uint8Array },
  responderEphemeral: Uint8Array,
  ephemeralEphemeral: Uint8Array,
  staticEphemeral: Uint8Array,
  presharedKey: Uint8Array,
): { chainingKey: Uint8Array; key: Uint8Array; hash: Uint8Array } {
  const ck1 = kdf1(state.chainingKey, responderEphemeral);
  const ck2 = kdf1(ck1, ephemeralEphemeral);
  const ck3 = kdf1(ck2, staticEphemeral);
  const [chainingKey, tau, key] = kdf3(ck3, presharedKey);
  return { chainingKey, key, hash: hash(hash(state.hash, responderEphemeral), tau) };
}

/** AEAD with the counter 0: every key of a handshake seals once. */
function seal(aead: Aead, key: Uint8Array, plaintext: Uint8Array, ad: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(plaintext.length + AEAD_TAG_BYTES);
  sealed.set(plaintext);
  const aeadKey = aead.key(key);
  aeadKey.seal(0, 0, sealed, 0, plaintext.length, ad);
  aeadKey.destroy();
  key.fill(0);
  return sealed;
}

function open(aead: Aead, key: Uint8Array, sealed: Uint8Array, ad: Uint8Array): Uint8Array | undefined {
  const buffer = Uint8Array.from(sealed);
  const aeadKey = aead.key(key);
  const ok = aeadKey.open(0, 0, buffer, 0, buffer.length, ad);
  aeadKey.destroy();
  key.fill(0);
  return ok ? buffer.subarray(0, buffer.length - AEAD_TAG_BYTES) : undefined;
}

/** A peer as handshakes need it. @throws {RangeError} where the public key or the preshared key is none. */
export function remoteIdentity(local: DhKeyPair, publicKey: Uint8Array, presharedKey: Uint8Array): RemoteIdentity {
  if (presharedKey.length !== KEY_BYTES) throw new RangeError('a preshared key is 32 bytes');
  if (publicKey.length !== KEY_BYTES) throw new RangeError('a public key is 32 bytes');
  if (isSmallOrder(publicKey)) throw new RangeError('a public key of low order is nobody\u2019s');
  let secret: Uint8Array | undefined;
  return {
    publicKey,
    presharedKey: Uint8Array.from(presharedKey),
    get staticStatic() {
      secret ??= dh(local.privateKey, publicKey);
      // Cannot be: the keys that have no secret were refused above.
      if (secret === undefined) throw new RangeError('no secret with this public key');
      return secret;
    },
  };
}
