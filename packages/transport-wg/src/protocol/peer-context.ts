import type { PacketCipher } from '../crypto/packet-cipher.js';
import type { Aead } from './aead.js';
import type { DhKeyPair } from './crypto.js';
import type { PacketBuffers } from './packet-buffers.js';
import type { DeviceSink } from './sink.js';
import type { TimerQueue } from './timer-queue.js';

/** What a device lends to its peers. */
export interface PeerContext<P> {
  /** Of handshakes. */
  readonly aead: Aead;
  /** Of data. */
  readonly cipher: PacketCipher;
  readonly sink: DeviceSink<P>;
  readonly timers: TimerQueue;
  /** The device's static key pair. */
  readonly local: DhKeyPair;
  /** Of the inner packets, bytes: padding never goes beyond it. */
  readonly mtu: number;
  readonly random: (size: number) => Uint8Array;
  readonly wallClockMs: () => number;
  readonly samePath: (a: P, b: P) => boolean;
  readonly buffers: PacketBuffers;
  /** Counts the device's initiations, sent and consumed: a later one has a greater number. */
  readonly nextSequence: () => number;
}

/** The same, where what may change or is made late is asked for. */
export function peerContext<P>(
  parts: Omit<PeerContext<P>, 'cipher' | 'local' | 'mtu' | 'nextSequence'> & {
    readonly cipher: () => PacketCipher;
    readonly local: () => DhKeyPair;
    readonly mtu: () => number;
  },
): PeerContext<P> {
  let cipher: PacketCipher | undefined;
  let sequence = 0;
  return {
    ...parts,
    nextSequence: () => sequence++,
    get cipher() {
      return (cipher ??= parts.cipher());
    },
    get local() {
      return parts.local();
    },
    get mtu() {
      return parts.mtu();
    },
  };
}

/** A random whole number of milliseconds below `belowMs`. */
export function jitterMs(random: (size: number) => Uint8Array, belowMs: number): number {
  const [high = 0, low = 0] = random(2);
  return Math.floor((((high << 8) | low) / 0x1_0000) * belowMs);
}
