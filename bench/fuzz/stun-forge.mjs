/** STUN and TURN messages that get past the first checks: right length, cookie and fingerprint, wrong or odd inside. */
import {
  decodeStunMessage,
  encodeStunMessage,
  longTermKey,
  shortTermKey,
  transportAddress,
} from '@wirepath/stun-codec';
import { crc32 } from 'node:zlib';
import { mutate } from './mutate.mjs';

const HEADER_BYTES = 20;
const FINGERPRINT_XOR = 0x5354554e;
const METHODS = ['binding', 'allocate', 'refresh', 'send', 'data', 'create-permission', 'channel-bind'];
const CLASSES = ['request', 'request', 'request', 'indication', 'success', 'error'];
const PEERS = [
  ...['127.0.0.1', '127.1.0.1', '127.0.0.2', '::1', '::ffff:10.0.0.1', '::ffff:127.0.0.1'],
  ...['203.0.113.9', '0.0.0.0', '255.255.255.255', '224.0.0.1'],
];
/** Names and passwords that every JavaScript object has. */
const INHERITED = [
  ['constructor', 'function Object() { [native code] }'],
  ['toString', 'function toString() { [native code] }'],
  ['__proto__', '[object Object]'],
];
/** Times an encoded message is used, damaged anew each time: encoding costs more than all the rest. */
const USES = 8;

/** Sets what the guard looks at first: two zero bits, padding to 4 bytes, length, cookie; and sometimes FINGERPRINT. */
export function repairStun(bytes, random) {
  let fixed = bytes.length < HEADER_BYTES ? Buffer.concat([bytes, random.bytes(HEADER_BYTES - bytes.length)]) : bytes;
  fixed = Buffer.from(fixed.subarray(0, fixed.length & ~3));
  fixed[0] &= 0x3f;
  fixed.writeUInt32BE(0x2112a442, 4);
  if (!random.oneIn(3)) {
    fixed.writeUInt16BE(fixed.length - HEADER_BYTES, 2);
    return fixed;
  }
  const signed = Buffer.concat([fixed, Buffer.from('8028000400000000', 'hex')]);
  signed.writeUInt16BE(signed.length - HEADER_BYTES, 2);
  signed.writeUInt32BE((crc32(signed.subarray(0, -8)) ^ FINGERPRINT_XOR) >>> 0, signed.length - 4);
  return signed;
}

/** As it is written: an IPv4-mapped address stays one of IPv6. */
function anyAddress(ip, port) {
  return ip.startsWith('::ffff:') ? { family: 6, ip, port } : transportAddress(ip, port);
}

/** Makes STUN for a target: replays and damage of what was captured, and messages of its own. */
export class StunForge {
  #random;
  #samples;
  #usernames;
  #user;
  #last = [];
  #uses = 0;

  /** @param samples captured STUN messages. @param relayUser of the TURN server: the hostile client has an account. */
  constructor(random, samples, relayUser) {
    this.#random = random;
    this.#samples = samples;
    this.#usernames = samples.map((bytes) => decodeStunMessage(bytes)?.username).filter((name) => name !== undefined);
    this.#user = relayUser;
  }

  /** @param source what the sender knows of its own standing: `{ realm, nonce }` after a challenge. */
  next(source) {
    const random = this.#random;
    if (random.oneIn(3)) return mutate(random.pick(this.#samples), random);
    if (random.oneIn(2)) return repairStun(mutate(random.pick(this.#samples), random), random);
    if (this.#uses === 0 || random.oneIn(USES)) {
      this.#last = this.#encode(source);
      this.#uses = USES;
      return this.#last;
    }
    this.#uses -= 1;
    return random.oneIn(3) ? this.#last : repairStun(mutate(this.#last, random), random);
  }

  /** A well-formed message with any attributes: a check with a real user name and a wrong password, a TURN request with the right one. */
  #encode(source) {
    const random = this.#random;
    const method = random.pick(METHODS);
    const maybe = (make) => (random.oneIn(3) ? make() : undefined);
    const peer = () => anyAddress(random.pick(PEERS), random.int(65536));
    const fields = {
      class: random.pick(CLASSES),
      method,
      transactionId: random.bytes(12),
      priority: maybe(() => random.uint32()),
      useCandidate: random.oneIn(3) || undefined,
      iceControlling: maybe(() => BigInt(random.uint32())),
      changeRequest: maybe(() => ({ changeIp: random.oneIn(2), changePort: random.oneIn(2) })),
      responsePort: random.oneIn(12) ? random.int(65536) : undefined,
      padding: random.oneIn(12) ? random.bytes(random.int(400)) : undefined,
      lifetimeSeconds: maybe(() => random.pick([0, 1, 600, 0xffffffff])),
      requestedTransport: random.oneIn(8) ? random.int(256) : method === 'allocate' ? 17 : undefined,
      requestedAddressFamily: maybe(() => random.pick([4, 6])),
      evenPort: random.oneIn(6) ? { reserveNext: random.oneIn(2) } : undefined,
      dontFragment: random.oneIn(8) || undefined,
      reservationToken: random.oneIn(8) ? random.bytes(8) : undefined,
      channelNumber: random.oneIn(8)
        ? random.int(65536)
        : method === 'channel-bind'
          ? 0x4000 + random.int(16)
          : undefined,
      peerAddresses: random.oneIn(6) ? Array.from({ length: random.int(8) }, peer) : [peer()],
      mappedAddress: maybe(peer),
      data: maybe(() => random.bytes(random.int(600))),
      fingerprint: random.oneIn(2),
    };
    if (method === 'binding' && this.#usernames.length > 0) {
      const key = shortTermKey(random.bytes(12).toString('hex'));
      return encodeStunMessage({
        ...fields,
        username: random.pick(this.#usernames),
        integrityKey: key,
        fingerprint: true,
      });
    }
    const [username, credential] = random.oneIn(8)
      ? random.pick(INHERITED)
      : [this.#user.username, this.#user.credential];
    const { realm, nonce } = source;
    if (nonce === undefined) return encodeStunMessage({ ...fields, username: maybe(() => username) });
    const integrityKey = longTermKey(username, realm, random.oneIn(8) ? 'wrong' : credential);
    return encodeStunMessage({ ...fields, username, realm, nonce, integrityKey });
  }
}
