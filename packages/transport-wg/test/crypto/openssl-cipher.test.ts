import { PacketMemory } from '@wirepath/linux';
import { afterEach, describe, expect, it } from 'vitest';
import { choosePacketCipher } from '../../src/crypto/choose-packet-cipher.js';

const version = Object.getOwnPropertyDescriptor(process.versions, 'openssl');

function pretendOpenssl(value: string | undefined): void {
  Object.defineProperty(process.versions, 'openssl', { value, configurable: true });
}

afterEach(() => {
  if (version !== undefined) Object.defineProperty(process.versions, 'openssl', version);
});

describe('OpenSSL’s primitives', () => {
  // Functions of these names could have other signatures there, and calling one of those ends the process.
  it.each(['4.0.0', '0.0.0', '1.1.0', undefined])('are not called in a version that nobody has tried: %s', (other) => {
    pretendOpenssl(other);
    const { refused } = choosePacketCipher(new PacketMemory(65_536));
    if (refused[0]?.reason === 'no native code can be called here') return;
    expect(refused[0]).toEqual({
      name: 'openssl',
      reason: `an OpenSSL that nobody has tried yet: ${other ?? 'none'}`,
    });
  });

  it('are told to be out of reach where the next one is taken', () => {
    pretendOpenssl('4.0.0');
    const { cipher, refused } = choosePacketCipher(new PacketMemory(65_536));
    expect(cipher.name).not.toBe('openssl');
    expect(refused.map(({ name }) => name)).toContain('openssl');
  });
});
