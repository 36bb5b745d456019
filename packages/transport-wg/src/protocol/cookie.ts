import { timingSafeEqual } from 'node:crypto';
import type { Aead } from './aead.js';
import { COOKIE_REFRESH_TIME_MS, COOKIE_SECRET_LATENCY_MS, LABEL_COOKIE, LABEL_MAC1 } from './constants.js';
import { hash, mac, MAC_BYTES } from './crypto.js';
import { encodeCookieReply, readUint32, type CookieReply } from './messages.js';

/** mac1, mac2 and the cookies of paper section 5.3 and 5.4.7. The macs are a handshake message's last 32 bytes. */

const SECRET_BYTES = 32;
const NONCE_BYTES = 24;
const NO_MAC = new Uint8Array(MAC_BYTES);

const mac1Of = (datagram: Uint8Array) =>
  datagram.subarray(datagram.length - 2 * MAC_BYTES, datagram.length - MAC_BYTES);
const mac2Of = (datagram: Uint8Array) => datagram.subarray(datagram.length - MAC_BYTES);
const beforeMac1 = (datagram: Uint8Array) => datagram.subarray(0, datagram.length - 2 * MAC_BYTES);
const beforeMac2 = (datagram: Uint8Array) => datagram.subarray(0, datagram.length - MAC_BYTES);

/** The receiving side, one per device: judges macs and hands out cookies. */
export class CookieChecker {
  readonly #aead: Aead;
  readonly #random: (size: number) => Uint8Array;
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  #secret = new Uint8Array(0);
  #secretSetAtMs = -Infinity;

  constructor(aead: Aead, random: (size: number) => Uint8Array, localPublicKey: Uint8Array) {
    this.#aead = aead;
    this.#random = random;
    this.#mac1Key = hash(LABEL_MAC1, localPublicKey);
    this.#cookieKey = hash(LABEL_COOKIE, localPublicKey);
  }

  /** Whether the sender knows our public key: what is refused here gets no answer at all. */
  hasValidMac1(datagram: Uint8Array): boolean {
    return timingSafeEqual(mac1Of(datagram), mac(this.#mac1Key, beforeMac1(datagram)));
  }

  /** Whether there is a second mac at all: without a cookie it is zeros. */
  claimsCookie(datagram: Uint8Array): boolean {
    return mac2Of(datagram).some((byte) => byte !== 0);
  }

  /** Whether the sender holds the cookie that we gave to `source` (IP and port), so that it is no forged address. */
  hasValidMac2(datagram: Uint8Array, source: Uint8Array, now: number): boolean {
    if (now - this.#secretSetAtMs >= COOKIE_REFRESH_TIME_MS) return false;
    return timingSafeEqual(mac2Of(datagram), mac(mac(this.#secret, source), beforeMac2(datagram)));
  }

  /** The cookie reply to an initiation or response that came from `source`. */
  createReply(datagram: Uint8Array, source: Uint8Array, now: number): Uint8Array {
    if (now - this.#secretSetAtMs >= COOKIE_REFRESH_TIME_MS) {
      this.#secret = Uint8Array.from(this.#random(SECRET_BYTES));
      this.#secretSetAtMs = now;
    }
    const nonce = this.#random(NONCE_BYTES);
    const sealedCookie = this.#aead.xSeal(this.#cookieKey, nonce, mac(this.#secret, source), mac1Of(datagram));
    return encodeCookieReply({ receiver: readUint32(datagram, 4), nonce, sealedCookie });
  }
}

/** How many of our last handshake messages a cookie reply may answer. */
const SENT_MAX = 4;

/** The sending side, one per peer: puts macs on our handshake messages and keeps the cookie that the peer gave us. */
export class CookieGenerator {
  readonly #aead: Aead;
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  readonly #sent: { sender: number; mac1: Uint8Array }[] = [];
  #cookie: Uint8Array | undefined;
  #cookieSetAtMs = -Infinity;

  constructor(aead: Aead, remotePublicKey: Uint8Array) {
    this.#aead = aead;
    this.#mac1Key = hash(LABEL_MAC1, remotePublicKey);
    this.#cookieKey = hash(LABEL_COOKIE, remotePublicKey);
  }

  /** Fills mac1, and mac2 while a cookie is good, in an initiation or response. */
  addMacs(datagram: Uint8Array, now: number): void {
    const mac1 = mac(this.#mac1Key, beforeMac1(datagram));
    mac1Of(datagram).set(mac1);
    this.#sent.push({ sender: readUint32(datagram, 4), mac1 });
    if (this.#sent.length > SENT_MAX) this.#sent.shift();

    const fresh = now - this.#cookieSetAtMs < COOKIE_REFRESH_TIME_MS - COOKIE_SECRET_LATENCY_MS;
    mac2Of(datagram).set(this.#cookie !== undefined && fresh ? mac(this.#cookie, beforeMac2(datagram)) : NO_MAC);
  }

  /** Keeps the cookie of a reply to a message of ours. @returns false when it is none of these, or forged. */
  consumeReply(reply: CookieReply, now: number): boolean {
    const answered = this.#sent.find(({ sender }) => sender === reply.receiver);
    if (answered === undefined) return false;
    const cookie = this.#aead.xOpen(this.#cookieKey, reply.nonce, reply.sealedCookie, answered.mac1);
    if (cookie === undefined) return false;
    this.#cookie = cookie;
    this.#cookieSetAtMs = now;
    return true;
  }
}
