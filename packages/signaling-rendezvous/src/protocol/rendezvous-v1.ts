/** The WebSocket subprotocol; it carries the version. It names no product, so that a vendor's product can speak it too. */
export const SUBPROTOCOL = 'rendezvous.v1';

export const KEY_BYTES = 32;
export const CHALLENGE_BYTES = 32;
export const PROOF_BYTES = 32;

/** Most bytes of one sealed payload. */
export const MAX_SEALED_BYTES = 16 * 1024;
/** Most bytes of the canonical URL in a proof. */
export const MAX_URL_BYTES = 512;
/** Most bytes of one frame: type, key, sealed payload. */
export const MAX_FRAME_BYTES = 1 + KEY_BYTES + MAX_SEALED_BYTES;

/** WebSocket close codes (RFC 6455 7.4.2: 4000 to 4999 are for private use). */
export const CLOSE_CODES = {
  /** Another connection registered with this key. */
  replaced: 4000,
  /** The proof is wrong. */
  badProof: 4001,
  /** The proof is for a URL that is not the server's. */
  foreignUrl: 4002,
  /** The server has no room for this client. */
  full: 4003,
  /** No registration came in time. */
  tooLate: 4004,
  /** A frame that the protocol does not allow here. */
  violation: 4005,
  /** The client kept sending faster than the welcome permits. */
  tooFast: 4006,
  /** The client does not read what it is sent. */
  slowReader: 4007,
  /** The server admits only certain keys, and this is none of them. */
  notAdmitted: 4008,
} as const;

export type CloseReason = keyof typeof CLOSE_CODES;
