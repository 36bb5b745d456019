import { TokenBucket, type PublicKey } from '@wirepath/core/plugin';
import { FRAME_BURST, FRAMES_PER_SECOND, MAX_WAITING, WAITING_MS } from './lan-v1.js';
import { directionKey, epochKeys, type EpochKeys } from './pair-keys.js';
import { Reassembly } from './reassembly.js';

/** Where a datagram came from, and so where an answer goes. */
export interface LanAddress {
  /** Of the link that it came by, as the edge calls it. */
  readonly link: string;
  readonly ip: string;
  readonly port: number;
}

export interface WaitingMessage {
  readonly id: number;
  readonly sealed: Uint8Array;
  readonly sinceMs: number;
}

/** One configured peer: its keys, where it is, and what waits for it. */
export class LanPeer {
  /** The last place that a beacon or frame of it came from; undefined: it has to be found. */
  address: LanAddress | undefined;
  /** A frame of it came from there: a beacon alone may be a copy that somebody else sent on. */
  isConfirmed = false;
  newestStamp = 0;
  /** When a message to it is taken for lost. */
  ackDueAt = Infinity;
  readonly reassembly = new Reassembly();
  readonly bucket = new TokenBucket(FRAMES_PER_SECOND, FRAME_BURST);
  readonly #inward: Buffer;
  readonly #outward: Buffer;
  #outEpoch: { readonly epoch: number; readonly keys: EpochKeys } | undefined;
  #waiting: readonly WaitingMessage[] = [];

  /** @param secret X25519 of the static keys. */
  constructor(
    readonly publicKey: PublicKey,
    ownKey: PublicKey,
    secret: Uint8Array,
  ) {
    this.#inward = directionKey(secret, publicKey, ownKey);
    this.#outward = directionKey(secret, ownKey, publicKey);
  }

  get waiting(): readonly WaitingMessage[] {
    return this.#waiting;
  }

  /** What it may send in an epoch. */
  inKeys(epoch: number): EpochKeys {
    return epochKeys(this.#inward, epoch);
  }

  /** What we send to it in an epoch; that of the present one is kept. */
  outKeys(epoch: number): EpochKeys {
    if (this.#outEpoch?.epoch !== epoch) this.#outEpoch = { epoch, keys: epochKeys(this.#outward, epoch) };
    return this.#outEpoch.keys;
  }

  isAt({ link, ip, port }: LanAddress): boolean {
    const { address } = this;
    return address?.link === link && address.ip === ip && address.port === port;
  }

  lose(): void {
    this.address = undefined;
    this.isConfirmed = false;
    this.ackDueAt = Infinity;
  }

  wait(message: WaitingMessage): void {
    this.#waiting = [...this.#waiting, message].slice(-MAX_WAITING);
  }

  /** It has had this message, and needs none of those before it. */
  acknowledged(id: number): void {
    this.#waiting = this.#waiting.filter((message) => message.id > id);
    if (this.#waiting.length === 0) this.ackDueAt = Infinity;
  }

  expire(now: number): void {
    this.#waiting = this.#waiting.filter(({ sinceMs }) => now < sinceMs + WAITING_MS);
    if (this.#waiting.length === 0) this.ackDueAt = Infinity;
  }
}
