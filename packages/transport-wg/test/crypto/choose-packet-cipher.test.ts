import { PacketMemory } from '@wirepath/linux';
import { describe, expect, it } from 'vitest';
import { choosePacketCipher, type MakeCipher } from '../../src/crypto/choose-packet-cipher.js';
import { nodeCipher } from '../../src/crypto/node-cipher.js';
import {
  PACKET_CIPHERS,
  type PacketCipher,
  type PacketCipherName,
  type PacketKey,
} from '../../src/crypto/packet-cipher.js';

type Fault = (key: PacketKey, memory: PacketMemory) => Partial<PacketKey>;

/** node:crypto under another name, with a fault. */
function faulty(name: PacketCipherName, fault: Fault): MakeCipher {
  return (memory): PacketCipher => {
    const good = nodeCipher(memory);
    return {
      name,
      key: (bytes) => {
        const key = good.key(bytes);
        const whole: PacketKey = {
          seal: (...args) => key.seal(...args),
          open: (...args) => key.open(...args),
          destroy: () => key.destroy(),
        };
        return { ...whole, ...fault(key, memory) };
      },
    };
  };
}
const missing: MakeCipher = () => {
  throw new Error('no native build was found');
};
const flip = (memory: PacketMemory, at: number) => (memory.bytes[at] = (memory.bytes[at] ?? 0) ^ 1);
const sound = { openssl: missing, evp: missing, sodium: missing, node: nodeCipher };
const memory = () => new PacketMemory(65_536);

const FAULTS: Record<string, Fault> = {
  'sealing 513 bytes': (key, memory) => ({
    seal: (high, low, source, length, target) => {
      key.seal(high, low, source, length, target);
      if (length === 513) flip(memory, target + 512);
    },
  }),
  'sealing 0 bytes at 0 to 0: bytes beyond the margins': (key, memory) => ({
    seal: (high, low, source, length, target) => {
      key.seal(high, low, source, length, target);
      flip(memory, target + length + 64);
    },
  }),
  'sealing 1 bytes at 5 to 11: bytes beyond the margins': (key, memory) => ({
    // The next packet of a GRO batch, or the next segment of one that is split in place.
    seal: (high, low, source, length, target) => {
      key.seal(high, low, source, length, target);
      if (length === 1) flip(memory, source + length);
    },
  }),
  'opening 1420 bytes': (key) => ({
    open: (high, low, source, length, target) => key.open(high, low, source, length, target) && length !== 1420,
  }),
  'opening 64 bytes': (key, memory) => ({
    open: (high, low, source, length, target) => {
      const fits = key.open(high, low, source, length, target);
      if (length === 64) flip(memory, target);
      return fits;
    },
  }),
  'refusing 0 bytes': (key) => ({
    open: (...args) => {
      key.open(...args);
      return true;
    },
  }),
  'RFC 8439 appendix A.5': (key) => ({
    seal: (high, low, source, length, target) => key.seal(low, high, source, length, target),
  }),
};

describe('choosePacketCipher', () => {
  it('takes the first that can be had, and tells why those above it were passed over', () => {
    const { cipher, refused } = choosePacketCipher(memory(), undefined, sound);
    expect(cipher.name).toBe('node');
    expect(refused).toEqual(
      ['openssl', 'evp', 'sodium'].map((name) => ({ name, reason: 'no native build was found' })),
    );
  });

  it.each(Object.entries(FAULTS))('passes over one that fails at %s', (failure, fault) => {
    const { cipher, refused } = choosePacketCipher(memory(), undefined, { ...sound, evp: faulty('evp', fault) });
    expect(cipher.name).toBe('node');
    expect(refused[1]?.reason).toContain(`wrong answer in the self test (${failure}`);
  });

  it('passes over one that throws in the middle of the test', () => {
    const fault: Fault = () => ({
      seal: () => {
        throw new Error('it did not like that');
      },
    });
    const { refused } = choosePacketCipher(memory(), undefined, { ...sound, sodium: faulty('sodium', fault) });
    expect(refused[2]).toEqual({ name: 'sodium', reason: 'it did not like that' });
  });

  it('loads nothing below the one that it takes', () => {
    const tried: string[] = [];
    const note =
      (name: PacketCipherName): MakeCipher =>
      (of) => {
        tried.push(name);
        return { ...nodeCipher(of), name };
      };
    const { cipher, refused } = choosePacketCipher(memory(), undefined, {
      openssl: note('openssl'),
      evp: note('evp'),
      sodium: note('sodium'),
      node: note('node'),
    });
    expect([cipher.name, tried, refused]).toEqual(['openssl', ['openssl'], []]);
  });

  it('a pinned one that cannot be had is an error that says what would do', () => {
    expect(() => choosePacketCipher(memory(), 'evp', sound)).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        subject: 'crypto',
        message: '`crypto` asks for a cipher that cannot be had here: evp: no native build was found',
      }),
    );
  });

  it('a pinned one is taken though a faster one works', () => {
    expect(choosePacketCipher(memory(), 'node').cipher.name).toBe('node');
  });

  it('without any, the error names all', () => {
    const none = Object.fromEntries(PACKET_CIPHERS.map((name) => [name, missing]));
    expect(() => choosePacketCipher(memory(), undefined, { ...sound, ...none })).toThrow(
      'no cipher for packets: openssl: no native build was found; evp: no native build was found',
    );
  });

  it('where no native code can be called, those that need addresses are passed over', () => {
    const without: PacketMemory = Object.defineProperty(memory(), 'address', { value: 0 });
    const { cipher, refused } = choosePacketCipher(without);
    expect(['sodium', 'node']).toContain(cipher.name);
    expect(refused.slice(0, 2)).toEqual([
      { name: 'openssl', reason: 'no native code can be called here' },
      { name: 'evp', reason: 'no native code can be called here' },
    ]);
  });
});
