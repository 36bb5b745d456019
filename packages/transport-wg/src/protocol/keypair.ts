import type { PacketKey } from '../crypto/packet-cipher.js';
import {
  REJECT_AFTER_MESSAGES_HIGH,
  REJECT_AFTER_MESSAGES_LOW,
  REJECT_AFTER_TIME_MS,
  REKEY_AFTER_MESSAGES_HIGH,
} from './constants.js';
import { ReplayWindow } from './replay-window.js';

/** One session: two transport keys with their counters. */
export class Keypair {
  readonly replay = new ReplayWindow();
  /** The counter of the next message to send, in two unsigned 32-bit halves. */
  sendCounterHigh = 0;
  sendCounterLow = 0;

  constructor(
    readonly localIndex: number,
    readonly remoteIndex: number,
    readonly role: 'initiator' | 'responder',
    /** Orders the device's initiations, sent and consumed alike, by when they were made. */
    readonly sequence: number,
    readonly createdAtMs: number,
    readonly sendKey: PacketKey,
    readonly receiveKey: PacketKey,
  ) {}

  /** Whether it may still seal and open at `now`: young enough, and counters left. */
  isUsable(now: number): boolean {
    return now - this.createdAtMs < REJECT_AFTER_TIME_MS && !this.isExhausted();
  }

  isExhausted(): boolean {
    return (
      this.sendCounterHigh >= REJECT_AFTER_MESSAGES_HIGH && isRejectedCounter(this.sendCounterHigh, this.sendCounterLow)
    );
  }

  needsRekeyByCount(): boolean {
    return this.sendCounterHigh >= REKEY_AFTER_MESSAGES_HIGH;
  }

  advanceSendCounter(): void {
    this.sendCounterLow = (this.sendCounterLow + 1) >>> 0;
    if (this.sendCounterLow === 0) this.sendCounterHigh++;
  }

  destroy(): void {
    this.sendKey.destroy();
    this.receiveKey.destroy();
  }
}

/** Whether a message counter is at or beyond REJECT_AFTER_MESSAGES. */
export function isRejectedCounter(high: number, low: number): boolean {
  return high > REJECT_AFTER_MESSAGES_HIGH || (high === REJECT_AFTER_MESSAGES_HIGH && low >= REJECT_AFTER_MESSAGES_LOW);
}
