/** By how fast it is: OpenSSL's primitives in the node binary, its EVP interface, libsodium, node:crypto. */
export const PACKET_CIPHERS = ['openssl', 'evp', 'sodium', 'node'] as const;
export type PacketCipherName = (typeof PACKET_CIPHERS)[number];

/** ChaCha20-Poly1305 (RFC 8439) for WireGuard's data messages, without associated data, on the packets of one packet memory. */
export interface PacketCipher {
  readonly name: PacketCipherName;
  /** Copies the 32 key bytes. Takes nothing that would have to be given back. */
  key(bytes: Uint8Array): PacketKey;
}

/**
 * Bytes that sealing and opening may overwrite: so many before the source, before the target, and behind the target (the tag
 * counted). What lies behind the source is left as it was; 16 bytes follow its tag in the memory. What is left in them is secret, and is never sent or told.
 */
export const CIPHER_MARGIN_BYTES = 64;

export const TAG_BYTES = 16;

/**
 * All offsets are into the packet memory, of any alignment (multiples of 16 are quickest). Source and target do not overlap,
 * margins included.
 */
export interface PacketKey {
  /**
   * Encrypts `length` bytes (0 is allowed) at `source` to `target`, with the tag of 16 bytes behind them. The nonce is WireGuard's:
   * four zero bytes, then the 64-bit counter, little endian.
   */
  seal(counterHigh: number, counterLow: number, source: number, length: number, target: number): void;
  /**
   * Decrypts `length` bytes at `source`, which the tag follows, to `target`.
   * @returns false where the tag does not fit; what lies at `target` is worthless then.
   */
  open(counterHigh: number, counterLow: number, source: number, length: number, target: number): boolean;
  /** Forgets the key; nothing is sealed or opened afterwards. */
  destroy(): void;
}
