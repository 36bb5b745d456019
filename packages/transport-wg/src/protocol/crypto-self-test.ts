import { AEAD_TAG_BYTES, nodeAead, sodiumAead, type Aead } from './aead.js';
import { dh, dhKeyPair, hash, hmac, mac } from './crypto.js';

/**
 * Known answers: what each primitive must yield before this process trusts it with a packet. Of the AEADs the published
 * tags are enough, since a tag covers the ciphertext.
 */

const bytes = (hexText: string): Uint8Array => Uint8Array.from(Buffer.from(hexText, 'hex'));
const equal = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0;

/** RFC 8439 appendix A.5. */
const CHACHA = {
  key: bytes('1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0'),
  counterHigh: 0x08070605,
  counterLow: 0x04030201,
  ad: bytes('f33388860000000000004e91'),
  plaintext: Buffer.from(
    'Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or obsoleted ' +
      'by other documents at any time. It is inappropriate to use Internet-Drafts as reference material or to cite them ' +
      'other than as /\u201cwork in progress./\u201d',
  ),
  tag: bytes('eead9d67890cbb22392336fea1851f38'),
};

/** draft-irtf-cfrg-xchacha-03 appendix A.3.1. */
const XCHACHA = {
  key: bytes('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f'),
  nonce: bytes('404142434445464748494a4b4c4d4e4f5051525354555657'),
  ad: bytes('50515253c0c1c2c3c4c5c6c7'),
  plaintext: Buffer.from(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  ),
  tag: bytes('c0875924c1c7987947deafd8780acf49'),
};

/** @returns the name of the first known answer that `aead` misses, or undefined. */
export function aeadSelfTest(aead: Aead): string | undefined {
  const key = aead.key(CHACHA.key);
  const { counterHigh, counterLow, ad, plaintext } = CHACHA;
  const offset = 3;
  const buffer = new Uint8Array(offset + plaintext.length + AEAD_TAG_BYTES);
  buffer.set(plaintext, offset);
  key.seal(counterHigh, counterLow, buffer, offset, plaintext.length, ad);
  if (!equal(buffer.subarray(offset + plaintext.length), CHACHA.tag)) return 'ChaCha20-Poly1305 seal';
  const damaged = Uint8Array.from(buffer);
  damaged[offset] = (damaged[offset] ?? 0) ^ 1;
  if (key.open(counterHigh, counterLow, damaged, offset, plaintext.length + AEAD_TAG_BYTES, ad)) {
    return 'ChaCha20-Poly1305 refusal';
  }
  if (
    !key.open(counterHigh, counterLow, buffer, offset, plaintext.length + AEAD_TAG_BYTES, ad) ||
    !equal(buffer.subarray(offset, offset + plaintext.length), plaintext)
  ) {
    return 'ChaCha20-Poly1305 open';
  }
  key.destroy();

  const sealed = aead.xSeal(XCHACHA.key, XCHACHA.nonce, XCHACHA.plaintext, XCHACHA.ad);
  if (!equal(sealed.subarray(XCHACHA.plaintext.length), XCHACHA.tag)) return 'XChaCha20-Poly1305 seal';
  if (!equal(aead.xOpen(XCHACHA.key, XCHACHA.nonce, sealed, XCHACHA.ad), XCHACHA.plaintext)) {
    return 'XChaCha20-Poly1305 open';
  }
  sealed[0] = (sealed[0] ?? 0) ^ 1;
  if (aead.xOpen(XCHACHA.key, XCHACHA.nonce, sealed, XCHACHA.ad)) return 'XChaCha20-Poly1305 refusal';
  return undefined;
}

/** @returns the name of the first known answer that the handshake's primitives miss, or undefined. */
export function handshakeSelfTest(): string | undefined {
  // RFC 7693 appendix B; the keyed answers are CPython's hashlib and hmac.
  if (!equal(hash('abc'), bytes('508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982'))) {
    return 'BLAKE2s-256';
  }
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);
  const abc = Buffer.from('abc');
  if (!equal(mac(key, abc), bytes('61ba5f165c194692e09d12520cc4c74a'))) return 'keyed BLAKE2s-128';
  if (!equal(hmac(key, abc), bytes('82623be5bc0a391b24dce53e67d028eff92d586de0485ac37822e597d049c74f'))) {
    return 'HMAC-BLAKE2s';
  }
  // RFC 7748 section 5.2, first vector; the public key is what wg pubkey says.
  const { privateKey, publicKey } = dhKeyPair(
    bytes('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'),
  );
  if (!equal(publicKey, bytes('1c9fd88f45606d932a80c71824ae151d15d73e77de38e8e000852e614fae7019')))
    return 'X25519 public key';
  const shared = dh(privateKey, bytes('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c'));
  if (!equal(shared, bytes('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552'))) return 'X25519';
  if (dh(privateKey, new Uint8Array(32)) !== undefined) return 'X25519 refusal';
  return undefined;
}

let chosen: Aead | undefined;

/**
 * The fastest AEAD that works here, tested on first use: sodium-native, else node:crypto. Loads native code, so it is
 * called when the first device is made, not on import.
 * @throws {Error} when no implementation gives the known answers.
 */
export function defaultAead(): Aead {
  return (chosen ??= chooseAead([sodiumAead, nodeAead]));
}

/**
 * The first candidate that loads and passes the self test.
 * @throws {Error} with every candidate's failure when none does.
 */
export function chooseAead(candidates: readonly (() => Aead)[]): Aead {
  const failures: string[] = [];
  const broken = handshakeSelfTest();
  if (broken !== undefined) throw new Error(`the crypto self test failed: ${broken}`);
  for (const load of candidates) {
    try {
      const aead = load();
      const failure = aeadSelfTest(aead);
      if (failure === undefined) return aead;
      failures.push(`${aead.name}: ${failure}`);
    } catch (error) {
      // A native module without a build for this machine: the next candidate takes over.
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(`no AEAD passes the crypto self test: ${failures.join('; ')}`);
}
