import type { AllowedIps } from './allowed-ips.js';
import { REJECT_AFTER_TIME_MS } from './constants.js';
import type { DropReason } from './drops.js';
import type { IndexTable } from './index-table.js';
import { IPV4_SOURCE, IPV6_SOURCE, ipLength, ipVersion } from './ip-packet.js';
import { isRejectedCounter } from './keypair.js';
import { TRANSPORT_HEADER_BYTES, TRANSPORT_MIN_BYTES } from './messages.js';
import { OpenedRun } from './opened-run.js';
import type { PacketBuffers } from './packet-buffers.js';
import type { IndexEntry, Peer } from './peer.js';
import type { DeviceSink } from './sink.js';

export interface DataReceiverParts<P> {
  readonly indices: IndexTable<IndexEntry<P>>;
  readonly allowedIps: AllowedIps<Peer<P>>;
  readonly sink: DeviceSink<P>;
  readonly buffers: PacketBuffers;
  /** Counts what is dropped once it was opened. */
  drop(reason: DropReason): void;
}

/** The way in of transport data messages: opened one behind the other, and then handed on one behind the other. */
export class DataReceiver<P> {
  readonly #parts: DataReceiverParts<P>;
  readonly #u32: Uint32Array;
  readonly #bytes: Uint8Array;
  #opened = new OpenedRun<P>();
  #spare: OpenedRun<P> | undefined;

  constructor(parts: DataReceiverParts<P>) {
    this.#parts = parts;
    this.#u32 = parts.buffers.memory.u32;
    this.#bytes = parts.buffers.memory.bytes;
  }

  /** Opens one; {@link finish} follows. @returns why it was dropped. */
  receive(offset: number, sizeBytes: number, from: P, now: number): DropReason | undefined {
    const u32 = this.#u32;
    const { indices, buffers } = this.#parts;
    const word = offset >>> 2;
    const entry = indices.get(u32[word + 1] ?? 0);
    if (entry?.keypair === undefined) return 'unknown-receiver';
    const { peer, keypair } = entry;
    const low = u32[word + 2] ?? 0;
    const high = u32[word + 3] ?? 0;
    if (now - keypair.createdAtMs >= REJECT_AFTER_TIME_MS || isRejectedCounter(high, low)) return 'expired-session';
    const available = sizeBytes - TRANSPORT_MIN_BYTES;
    const packet = buffers.opened.take(available);
    if (!keypair.receiveKey.open(high, low, offset + TRANSPORT_HEADER_BYTES, available, packet)) return 'decrypt';
    if (!keypair.replay.accept(high, low)) return 'replay';
    if (!this.#opened.takes(keypair, from)) this.finish();
    this.#opened.add(peer, keypair, from, now, packet, available, sizeBytes);
    return undefined;
  }

  /** Hands on what was opened. */
  finish(): void {
    const run = this.#opened;
    const { peer, keypair, from, now } = run;
    if (peer === undefined || keypair === undefined || from === undefined) return;
    // Another one for what comes in meanwhile.
    this.#opened = this.#spare ?? new OpenedRun();
    this.#spare = undefined;
    peer.receiveData(keypair, run.datagramBytes, run.dataCount, from, now);
    for (let i = 0; i < run.count; i++) {
      const sizeBytes = run.sizes[i] ?? 0;
      const reason = sizeBytes === 0 ? undefined : this.#deliver(peer, run.offsets[i] ?? 0, sizeBytes);
      if (reason !== undefined) this.#parts.drop(reason);
    }
    run.clear();
    this.#spare = run;
  }

  #deliver(peer: Peer<P>, packet: number, available: number): DropReason | undefined {
    const bytes = this.#bytes;
    const { allowedIps, sink } = this.#parts;
    const version = ipVersion(bytes, packet, available);
    const length = version === 0 ? undefined : ipLength(bytes, packet, available, version);
    if (length === undefined) return 'inner-malformed';
    const source = packet + (version === 4 ? IPV4_SOURCE : IPV6_SOURCE);
    const owner = version === 4 ? allowedIps.lookup4(bytes, source) : allowedIps.lookup6(bytes, source);
    if (owner !== peer) {
      sink.onSourceNotAllowed?.(peer, bytes.slice(source, source + (version === 4 ? 4 : 16)));
      return 'source-not-allowed';
    }
    sink.deliver(packet, length, peer);
    return undefined;
  }
}
