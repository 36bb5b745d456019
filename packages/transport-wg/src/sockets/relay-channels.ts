import type { PacketMemory } from '@wirepath/linux';
import type { Channels, PacketPath } from './packet-path.js';

/** RFC 8656 section 12.4: channel number, length; no padding over UDP. */
export const CHANNEL_HEADER_BYTES = 4;
/** For so long what the relay's client made of a datagram holds for the next ones of its channel. */
const LEARNT_HOLDS_MS = 1000;

export function writeChannelHeader({ view }: PacketMemory, offset: number, channel: number, sizeBytes: number): void {
  view.setUint16(offset, channel);
  view.setUint16(offset + 2, sizeBytes);
}

export interface ChannelData {
  readonly channel: number;
  readonly payload: number;
  readonly payloadBytes: number;
}

/** @returns undefined where it is none. More may follow the payload: some servers pad over UDP, too. */
export function readChannelData({ view }: PacketMemory, offset: number, sizeBytes: number): ChannelData | undefined {
  if (sizeBytes < CHANNEL_HEADER_BYTES) return undefined;
  const payloadBytes = view.getUint16(offset + 2);
  if (payloadBytes > sizeBytes - CHANNEL_HEADER_BYTES) return undefined;
  return { channel: view.getUint16(offset), payload: offset + CHANNEL_HEADER_BYTES, payloadBytes };
}

/**
 * Whose the channels of one relay are. Its client unwraps a datagram now and then, and what it made of it is done to the others of
 * the channel without it: it alone knows who is bound to what, and nobody has to be told when that ends.
 */
export class LearntChannels implements Channels {
  readonly #peers = new Map<number, { readonly path: PacketPath; readonly untilMs: number }>();

  learn(channel: number, path: PacketPath, nowMs: number): void {
    this.#peers.set(channel, { path, untilMs: nowMs + LEARNT_HOLDS_MS });
  }

  find(channel: number, nowMs: number): PacketPath | undefined {
    const found = this.#peers.get(channel);
    return found !== undefined && nowMs < found.untilMs ? found.path : undefined;
  }
}
