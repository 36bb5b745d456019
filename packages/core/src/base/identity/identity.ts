/** A WireGuard public key as `wg` prints it: 44 characters of base64. */
export type PublicKey = string;

/** This node's WireGuard key pair. */
export interface Identity {
  readonly publicKey: PublicKey;
  /**
   * X25519 with our private key.
   * @param publicKey 32 bytes.
   * @returns 32 bytes, or undefined for a key of small order.
   */
  agree(publicKey: Uint8Array): Uint8Array | undefined;
  /** A copy of the raw 32 bytes, for the transport alone. Never log it. */
  exportPrivateKey(): Uint8Array;
}
