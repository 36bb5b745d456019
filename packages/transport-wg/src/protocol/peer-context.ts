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
  nextSequence(): number;
}

/** What the device itself has, where it may change as a whole or is made late: it is asked for. */
type OnDemand = Pick<PeerContext<unknown>, 'cipher' | 'local'>;

/** A class, for objects with accessors beside other things are slow ones, and this one is on the way of every packet. */
export class DeviceContext<P> implements PeerContext<P> {
  readonly aead: Aead;
  readonly sink: DeviceSink<P>;
  readonly timers: TimerQueue;
  readonly random: (size: number) => Uint8Array;
  readonly wallClockMs: () => number;
  readonly samePath: (a: P, b: P) => boolean;
  readonly buffers: PacketBuffers;
  mtu: number;
  readonly #onDemand: { readonly [Name in keyof OnDemand]: () => OnDemand[Name] };
  #cipher: PacketCipher | undefined;
  #sequence = 0;

  constructor(
    parts: Omit<PeerContext<P>, keyof OnDemand | 'nextSequence'>,
    onDemand: { readonly [Name in keyof OnDemand]: () => OnDemand[Name] },
  ) {
    this.aead = parts.aead;
    this.sink = parts.sink;
    this.timers = parts.timers;
    this.random = parts.random;
    this.wallClockMs = parts.wallClockMs;
    this.samePath = parts.samePath;
    this.buffers = parts.buffers;
    this.mtu = parts.mtu;
    this.#onDemand = onDemand;
  }

  get cipher(): PacketCipher {
    return (this.#cipher ??= this.#onDemand.cipher());
  }

  get local(): DhKeyPair {
    return this.#onDemand.local();
  }

  nextSequence(): number {
    return this.#sequence++;
  }
}

/** A random whole number of milliseconds below `belowMs`. */
export function jitterMs(random: (size: number) => Uint8Array, belowMs: number): number {
  const [high = 0, low = 0] = random(2);
  return Math.floor((((high << 8) | low) / 0x1_0000) * belowMs);
}
