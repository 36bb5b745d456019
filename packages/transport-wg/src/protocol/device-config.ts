import type { PacketCipher } from '../crypto/packet-cipher.js';
import type { Aead } from './aead.js';
import type { Cidr } from '@wirepath/core/plugin';
import { parseAllowedIp, type OnRange } from './allowed-ips.js';
import { dhKeyPair, KEY_BYTES, type DhKeyPair } from './crypto.js';
import type { PacketBuffers } from './packet-buffers.js';
import type { DeviceSink } from './sink.js';

export interface DeviceOptions<P> {
  /** 32 bytes. */
  readonly privateKey: Uint8Array;
  readonly sink: DeviceSink<P>;
  readonly samePath: (a: P, b: P) => boolean;
  /** IP address and port of a path in bytes (6 or 18): what a cookie is bound to. */
  readonly sourceBytes: (path: P) => Uint8Array;
  /** @default node:crypto's randomBytes */
  readonly random?: (size: number) => Uint8Array;
  /** Unix ms. @default Date.now */
  readonly wallClockMs?: () => number;
  /** Of handshakes. @default the fastest that works here */
  readonly aead?: Aead;
  /** Of the inner packets, bytes. @default 1420 */
  readonly mtu?: number;
  /** Where its packets lie; of this device alone. */
  readonly buffers: PacketBuffers;
  /** Of data messages; asked for with the first session. @default the fastest that works here */
  readonly cipher?: () => PacketCipher;
  /** A range has become some peer's, or nobody's. @default nobody is told */
  readonly onRange?: OnRange;
  /** Handshake messages per second above which senders must prove their address. @default 250 */
  readonly underLoadHandshakesPerSecond?: number;
}

export interface PeerConfig<P> {
  /** Base64. */
  readonly publicKey: string;
  /** 32 bytes; all zero means none. */
  readonly presharedKey?: Uint8Array;
  /** Prefixes such as `10.77.0.2/32`; those of another peer move here. */
  readonly allowedIps: readonly string[];
  /** 0 for off. @default 0 */
  readonly persistentKeepaliveSeconds?: number;
  /** Whether an authenticated datagram from another path makes that the peer's path, as WireGuard does. */
  readonly roaming: boolean;
  readonly paths?: readonly P[];
}

/** What to change; what is left out stays. `allowedIps` replaces the whole list. */
export type PeerUpdate<P> = Partial<Omit<PeerConfig<P>, 'publicKey'>>;

/** @throws {RangeError} when it is not 32 bytes. */
export function loadPrivateKey(privateKey: Uint8Array): DhKeyPair {
  if (privateKey.length !== KEY_BYTES) throw new RangeError('a WireGuard private key is 32 bytes');
  return dhKeyPair(privateKey);
}

/** @throws {RangeError} */
export function parsePrefixes(texts: readonly string[]): Cidr[] {
  return texts.map((text) => {
    const prefix = parseAllowedIp(text);
    if (prefix === undefined) throw new RangeError(`not an IP prefix: ${JSON.stringify(text)}`);
    return prefix;
  });
}
