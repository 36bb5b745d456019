import { CodedError } from '@wirepath/core/plugin';
import type { PacketMemory } from '@wirepath/linux';
import { evpCipher } from './evp-cipher.js';
import { KnownAnswers } from './known-answers.js';
import { nodeCipher } from './node-cipher.js';
import { opensslCipher } from './openssl-cipher.js';
import { PACKET_CIPHERS, type PacketCipher, type PacketCipherName } from './packet-cipher.js';
import { sodiumCipher } from './sodium-cipher.js';

/** Loads what the cipher needs. @throws Error where that cannot be had, with a reason for people. */
export type MakeCipher = (memory: PacketMemory) => PacketCipher;

export interface ChosenCipher {
  readonly cipher: PacketCipher;
  /** Those above it, and why each was passed over. */
  readonly refused: readonly RefusedCipher[];
}
export interface RefusedCipher {
  readonly name: PacketCipherName;
  /** A clause for people: `this node binary does not export ChaCha20_ctr32`. */
  readonly reason: string;
}

const CIPHERS: Record<PacketCipherName, MakeCipher> = {
  openssl: (memory) => opensslCipher(addressable(memory)),
  evp: (memory) => evpCipher(addressable(memory)),
  sodium: sodiumCipher,
  node: nodeCipher,
};

/**
 * The fastest cipher that can be had here and gives the known answers. Native code is loaded as far down as it goes.
 * @param memory of which about 4 KB are taken for good.
 * @param pinned the only one that will do.
 * @throws CodedError CONFIG where the pinned one cannot be had; Error where none can.
 */
export function choosePacketCipher(
  memory: PacketMemory,
  pinned?: PacketCipherName,
  ciphers: Readonly<Record<PacketCipherName, MakeCipher>> = CIPHERS,
): ChosenCipher {
  const answers = new KnownAnswers(memory);
  const refused: RefusedCipher[] = [];
  for (const name of pinned === undefined ? PACKET_CIPHERS : [pinned]) {
    const tried = tryCipher(ciphers[name], memory, answers);
    if (typeof tried !== 'string') return { cipher: tried, refused };
    refused.push({ name, reason: tried });
  }
  const reasons = refused.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  if (pinned === undefined) throw new Error(`no cipher for packets: ${reasons}`);
  throw new CodedError('CONFIG', `\`crypto\` asks for a cipher that cannot be had here: ${reasons}`, {
    subject: 'crypto',
    advice:
      'Leave `crypto` out, and the fastest that works here is taken (`status` names it); `node` works on every machine.',
  });
}

/** @returns the cipher, or why not. */
function tryCipher(make: MakeCipher, memory: PacketMemory, answers: KnownAnswers): PacketCipher | string {
  try {
    const cipher = make(memory);
    const failure = answers.firstFailure(cipher);
    return failure === undefined ? cipher : `wrong answer in the self test (${failure})`;
  } catch (error) {
    // Missing, or it fails in the middle of the test: the next one takes over.
    return error instanceof Error ? error.message : String(error);
  }
}

function addressable(memory: PacketMemory): PacketMemory {
  if (memory.address === 0) throw new Error('no native code can be called here');
  return memory;
}
