import type { PacketPort } from '@wirepath/core/plugin';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeInnerPacket, encodeInnerPacket, type InnerPacket } from './inner-packet.js';

export interface EchoResult {
  readonly sent: number;
  readonly received: number;
  readonly rttMs: { readonly min: number; readonly avg: number; readonly max: number } | null;
}

export interface ThroughputResult {
  /** Inner IP bytes that arrived. */
  readonly bytes: number;
  readonly durationMs: number;
  readonly bitsPerSecond: number;
}

const ECHO_PAYLOAD = Buffer.from('abcdefghijklmnopqrstuvwabcdefghijklmnopqrstuvwabcdefghij');
const ECHO_TIMEOUT_MS = 1000;
const ECHO_GAP_MS = 20;
const FIRST_ECHO_GAP_MS = 10;

const DATA_PORT = 5201;
const ACK_PORT = 5202;
/** Inner packets of 1388 bytes: below every MTU in use. */
const DATA_PAYLOAD_BYTES = 1360;
/** In flight at most: what the default receive buffer of a UDP socket holds. */
const WINDOW_PACKETS = 64;
const ACK_EVERY_PACKETS = 16;
/** Where packets or their acknowledgements were lost, the window opens again after this. */
const STALL_MS = 50;

/** The machine behind a node, in the place of a kernel: answers echo requests, measures echoes and throughput. */
export class InnerHost implements Disposable {
  readonly address: string;
  readonly #port: PacketPort;
  readonly #subscription: Disposable;
  readonly #echoes = new Map<number, () => void>();
  #nextSequence = 1;
  #dataPackets = 0;
  #dataBytes = 0;
  #onAck: ((count: number) => void) | undefined;

  constructor(address: string, port: PacketPort) {
    this.address = address;
    this.#port = port;
    this.#subscription = port.onPacket((bytes) => {
      const packet = decodeInnerPacket(bytes);
      if (packet?.to === this.address) this.#receive(packet, bytes.byteLength);
    });
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  async echo(to: string, count: number, signal: AbortSignal): Promise<EchoResult> {
    const times: number[] = [];
    for (let sent = 0; sent < count; sent++) {
      if (sent > 0) await sleep(ECHO_GAP_MS, undefined, { signal });
      const rttMs = await this.#echoOnce(to, signal);
      if (rttMs !== undefined) times.push(rttMs);
    }
    const rttMs =
      times.length === 0
        ? null
        : { min: Math.min(...times), avg: times.reduce((a, b) => a + b, 0) / times.length, max: Math.max(...times) };
    return { sent: count, received: times.length, rttMs };
  }

  /** Asks again and again, whether there is a path yet or not, and calls back when the first echo has come. */
  onFirstEcho(to: string, listener: () => void): Disposable {
    const sequences: number[] = [];
    const stop = (): void => {
      clearInterval(timer);
      for (const sequence of sequences) this.#echoes.delete(sequence);
    };
    const ask = (): void => {
      sequences.push(
        this.#requestEcho(to, () => {
          stop();
          listener();
        }),
      );
    };
    const timer = setInterval(ask, FIRST_ECHO_GAP_MS);
    ask();
    return { [Symbol.dispose]: stop };
  }

  /** Sends as fast as `receiver` acknowledges; counts what arrives there. */
  async throughput(receiver: InnerHost, durationMs: number, signal: AbortSignal): Promise<ThroughputResult> {
    const packet = encodeInnerPacket({
      kind: 'udp',
      from: this.address,
      to: receiver.address,
      sourcePort: ACK_PORT,
      destinationPort: DATA_PORT,
      payload: Buffer.alloc(DATA_PAYLOAD_BYTES),
    });
    let acknowledged = receiver.#dataPackets;
    let sent = acknowledged;
    let wake = (): void => undefined;
    this.#onAck = (count) => {
      acknowledged = Math.max(acknowledged, count);
      wake();
    };
    const startBytes = receiver.#dataBytes;
    const startedAt = performance.now();
    try {
      while (performance.now() - startedAt < durationMs) {
        signal.throwIfAborted();
        for (; sent - acknowledged < WINDOW_PACKETS; sent++) this.#port.send(packet);
        const before = acknowledged;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, STALL_MS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        // What was lost is given up: this measures, it does not deliver.
        if (acknowledged === before) sent = acknowledged;
      }
    } finally {
      this.#onAck = undefined;
    }
    const elapsedMs = performance.now() - startedAt;
    const bytes = receiver.#dataBytes - startBytes;
    return { bytes, durationMs: elapsedMs, bitsPerSecond: (bytes * 8000) / elapsedMs };
  }

  #echoOnce(to: string, signal: AbortSignal): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const sentAt = performance.now();
      const done = (rttMs: number | undefined): void => {
        clearTimeout(timer);
        this.#echoes.delete(sequence);
        signal.removeEventListener('abort', onAbort);
        resolve(rttMs);
      };
      const onAbort = (): void => {
        done(undefined);
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => done(undefined), ECHO_TIMEOUT_MS);
      signal.addEventListener('abort', onAbort, { once: true });
      const sequence = this.#requestEcho(to, () => done(performance.now() - sentAt));
    });
  }

  /** @returns the sequence number, under which the listener waits for the reply. */
  #requestEcho(to: string, onReply: () => void): number {
    const sequence = this.#nextSequence++ & 0xffff;
    this.#echoes.set(sequence, onReply);
    this.#send({ kind: 'echo-request', from: this.address, to, identifier: 1, sequence, payload: ECHO_PAYLOAD });
    return sequence;
  }

  #receive(packet: InnerPacket, sizeBytes: number): void {
    switch (packet.kind) {
      case 'echo-request':
        this.#send({ ...packet, kind: 'echo-reply', from: packet.to, to: packet.from });
        return;
      case 'echo-reply':
        this.#echoes.get(packet.sequence)?.();
        return;
      case 'udp':
        if (packet.destinationPort === DATA_PORT) this.#countData(packet.from, sizeBytes);
        else if (packet.payload.length >= 4) this.#onAck?.(packet.payload.readUInt32BE(0));
    }
  }

  #countData(from: string, sizeBytes: number): void {
    this.#dataPackets += 1;
    this.#dataBytes += sizeBytes;
    if (this.#dataPackets % ACK_EVERY_PACKETS !== 0) return;
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(this.#dataPackets);
    this.#send({
      kind: 'udp',
      from: this.address,
      to: from,
      sourcePort: DATA_PORT,
      destinationPort: ACK_PORT,
      payload,
    });
  }

  #send(packet: InnerPacket): void {
    this.#port.send(encodeInnerPacket(packet));
  }
}
