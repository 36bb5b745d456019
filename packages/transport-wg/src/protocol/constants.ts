/**
 * The WireGuard paper's constants (section 6.1 and the reference implementations) under the protocol's own names.
 * Times are in milliseconds.
 */

export const CONSTRUCTION = 'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s';
export const IDENTIFIER = 'WireGuard v1 zx2c4 Jason@zx2c4.com';
export const LABEL_MAC1 = 'mac1----';
export const LABEL_COOKIE = 'cookie--';

export const REKEY_AFTER_TIME_MS = 120_000;
export const REJECT_AFTER_TIME_MS = 180_000;
export const REKEY_ATTEMPT_TIME_MS = 90_000;
export const REKEY_TIMEOUT_MS = 5_000;
/** A retransmission waits REKEY_TIMEOUT plus a random part below this, so that two peers do not stay in step. */
export const REKEY_TIMEOUT_JITTER_MAX_MS = 334;
export const KEEPALIVE_TIMEOUT_MS = 10_000;
export const MAX_TIMER_HANDSHAKES = REKEY_ATTEMPT_TIME_MS / REKEY_TIMEOUT_MS;

/** Ours: the least time between two initiations when the first may have gone down a path that no longer holds. */
export const PATH_CHANGE_HANDSHAKE_SPACING_MS = 50;
/** Initiations that one peer may have consumed per second; the rest is dropped as a flood. */
export const HANDSHAKE_INITIATION_RATE = 50;

/** Message counts are 64 bit, held as two unsigned 32-bit halves: 2^60 to rekey after, 2^64 - 2^13 - 1 to stop at. */
export const REKEY_AFTER_MESSAGES_HIGH = 0x1000_0000;
export const REJECT_AFTER_MESSAGES = 2n ** 64n - 2n ** 13n - 1n;
export const REJECT_AFTER_MESSAGES_HIGH = Number(REJECT_AFTER_MESSAGES >> 32n);
export const REJECT_AFTER_MESSAGES_LOW = Number(REJECT_AFTER_MESSAGES & 0xffff_ffffn);

export const COOKIE_REFRESH_TIME_MS = 120_000;
/** A cookie is used a little shorter than it is good for: the message that carries it needs time to arrive. */
export const COOKIE_SECRET_LATENCY_MS = 5_000;
/** How long the device counts as under load after the rate was last exceeded. */
export const UNDER_LOAD_AFTER_TIME_MS = 1_000;
/** Handshake messages per second, over all peers, beyond which senders must prove their address with a cookie. */
export const UNDER_LOAD_HANDSHAKES_PER_SECOND = 250;

/** Ours: handshake messages per second of which a mac is checked, those that claim a proof and the others each. */
export const HANDSHAKE_LOOKS_PER_SECOND = 2000;

export const PADDING_MULTIPLE = 16;
export const DEFAULT_MTU = 1420;
/** Packets that wait for a session, per peer; the oldest is dropped first. */
export const STAGED_PACKETS_MAX = 128;
