import type { Aead } from './aead.js';
import type { DhKeyPair } from './crypto.js';
import type { DeviceSink } from './sink.js';
import type { TimerQueue } from './timer-queue.js';

/** What a device lends to its peers. */
export interface PeerContext<P> {
  readonly aead: Aead;
  readonly sink: DeviceSink<P>;
  readonly timers: TimerQueue;
  /** The device's static key pair. */
  readonly local: DhKeyPair;
  /** Of the inner packets, bytes: padding never goes beyond it. */
  readonly mtu: number;
  readonly random: (size: number) => Uint8Array;
  readonly wallClockMs: () => number;
  readonly samePath: (a: P, b: P) => boolean;
  /** A buffer for one outgoing datagram; its contents are overwritten. */
  readonly allocate: (sizeBytes: number) => Uint8Array;
  /** Counts the device's initiations, sent and consumed: a later one has a greater number. */
  readonly nextSequence: () => number;
}

/** A random whole number of milliseconds below `belowMs`. */
export function jitterMs(random: (size: number) => Uint8Array, belowMs: number): number {
  const [high = 0, low = 0] = random(2);
  return Math.floor((((high << 8) | low) / 0x1_0000) * belowMs);
}
