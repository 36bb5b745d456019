import { processFunctions, type CFunction, type CType, type PacketMemory } from '@wirepath/linux';
import { TAG_BYTES, type PacketCipher, type PacketKey } from './packet-cipher.js';

/** evp.h, the same since OpenSSL 1.1.0. */
const EVP_CTRL_AEAD_GET_TAG = 0x10;
const EVP_CTRL_AEAD_SET_TAG = 0x11;
const OPENING = 0;
const SEALING = 1;
/** Where the parts of the scratch begin: the key, the nonce of 12 bytes, what OpenSSL says it wrote. */
const NONCE = 32;
const WRITTEN = 48;
const SCRATCH_BYTES = 64;
const KEY_WORDS = 8;

const REFUSED = 'OpenSSL refuses ChaCha20-Poly1305 here';

/** One EVP_CIPHER_CTX: a context keeps its key, and one for each direction rarely has to change it. */
interface Context {
  readonly address: number;
  holder: EvpKey | undefined;
}

interface Evp {
  readonly init: CFunction;
  readonly update: CFunction;
  readonly final: CFunction;
  readonly control: CFunction;
  readonly sealing: Context;
  readonly opening: Context;
}

/** Of this thread: keys take turns in the two contexts, so no number of keys or rekeys takes memory of OpenSSL's. */
let bound: Evp | undefined;

/**
 * OpenSSL's EVP, the interface that its headers promise, out of the node binary or the libcrypto that node is linked to.
 * @throws Error where it cannot be had, with the reason.
 */
export function evpCipher(memory: PacketMemory): PacketCipher {
  bound ??= bindEvp();
  const scratch = new Scratch(memory, bound);
  return { name: 'evp', key: (bytes) => new EvpKey(scratch, bytes) };
}

function bindEvp(): Evp {
  const find = processFunctions();
  const bind = (name: string, result: CType, ...args: CType[]): CFunction => {
    const found = find(name, result, args);
    if (found === undefined) throw new Error(`this node binary does not export ${name}`);
    return found;
  };
  const newContext = bind('EVP_CIPHER_CTX_new', 'uint64');
  const cipher = bind('EVP_chacha20_poly1305', 'uint64');
  const init = bind('EVP_CipherInit_ex', 'int', 'uint64', 'uint64', 'uint64', 'uint64', 'uint64', 'int');
  const update = bind('EVP_CipherUpdate', 'int', 'uint64', 'uint64', 'uint64', 'uint64', 'int');
  const final = bind('EVP_CipherFinal_ex', 'int', 'uint64', 'uint64', 'uint64');
  const control = bind('EVP_CIPHER_CTX_ctrl', 'int', 'uint64', 'int', 'int', 'uint64');
  const context = (direction: number): Context => {
    const address = newContext();
    if (address === 0 || init(address, cipher(), 0, 0, 0, direction) !== 1) {
      // FIPS providers have no ChaCha20-Poly1305.
      throw new Error(REFUSED);
    }
    return { address, holder: undefined };
  };
  return { init, update, final, control, sealing: context(SEALING), opening: context(OPENING) };
}

/** What all keys of a memory share: they work one after another. */
class Scratch {
  readonly evp: Evp;
  readonly base: number;
  readonly u32: Uint32Array;
  /** Index of the words of the key. */
  readonly words: number;
  readonly keyAddress: number;
  readonly nonceAddress: number;
  readonly writtenAddress: number;

  constructor(memory: PacketMemory, evp: Evp) {
    const offset = memory.reserve(SCRATCH_BYTES);
    memory.bytes.fill(0, offset, offset + SCRATCH_BYTES);
    this.evp = evp;
    this.base = memory.address;
    this.u32 = memory.u32;
    this.words = offset >>> 2;
    this.keyAddress = memory.address + offset;
    this.nonceAddress = this.keyAddress + NONCE;
    this.writtenAddress = this.keyAddress + WRITTEN;
  }

  /** Every packet begins here: with its nonce, and with the key where the context has another. */
  begin(context: Context, key: EvpKey, words: Uint32Array, direction: number, high: number, low: number): void {
    const nonce = this.words + NONCE / 4;
    this.u32[nonce + 1] = low;
    this.u32[nonce + 2] = high;
    let keyAddress = 0;
    if (context.holder !== key) {
      this.u32.set(words, this.words);
      context.holder = key;
      keyAddress = this.keyAddress;
    }
    // Going on with the nonce of the packet before would give both away.
    if (this.evp.init(context.address, 0, 0, keyAddress, this.nonceAddress, direction) !== 1) throw new Error(REFUSED);
    if (keyAddress !== 0) this.u32.fill(0, this.words, this.words + KEY_WORDS);
  }

  /** Another key of zeros takes the place of one that is to be forgotten. */
  forget(context: Context, key: EvpKey, direction: number): void {
    if (context.holder !== key) return;
    this.evp.init(context.address, 0, 0, this.keyAddress, this.nonceAddress, direction);
    context.holder = undefined;
  }
}

class EvpKey implements PacketKey {
  readonly #scratch: Scratch;
  readonly #key: Uint32Array;

  constructor(scratch: Scratch, bytes: Uint8Array) {
    this.#scratch = scratch;
    this.#key = new Uint32Array(Uint8Array.from(bytes).buffer);
  }

  seal(counterHigh: number, counterLow: number, source: number, length: number, target: number): void {
    const scratch = this.#scratch;
    const { evp, base, writtenAddress } = scratch;
    const { address } = evp.sealing;
    scratch.begin(evp.sealing, this, this.#key, SEALING, counterHigh, counterLow);
    evp.update(address, base + target, writtenAddress, base + source, length);
    const end = base + target + length;
    evp.final(address, end, writtenAddress);
    evp.control(address, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, end);
  }

  open(counterHigh: number, counterLow: number, source: number, length: number, target: number): boolean {
    const scratch = this.#scratch;
    const { evp, base, writtenAddress } = scratch;
    const { address } = evp.opening;
    scratch.begin(evp.opening, this, this.#key, OPENING, counterHigh, counterLow);
    evp.control(address, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, base + source + length);
    evp.update(address, base + target, writtenAddress, base + source, length);
    return evp.final(address, base + target + length, writtenAddress) === 1;
  }

  destroy(): void {
    this.#key.fill(0);
    this.#scratch.forget(this.#scratch.evp.sealing, this, SEALING);
    this.#scratch.forget(this.#scratch.evp.opening, this, OPENING);
  }
}
