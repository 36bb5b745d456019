import type { Aead } from './aead.js';
import type { OnRange } from './allowed-ips.js';
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
  /** @default the fastest that works here */
  readonly aead?: Aead;
  /** Of the inner packets, bytes. @default 1420 */
  readonly mtu?: number;
  /**
   * Makes the buffer for an outgoing data message, for adapters whose buffers lie in memory of their own.
   * @default Buffer.allocUnsafe
   */
  readonly allocate?: (sizeBytes: number) => Uint8Array;
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
