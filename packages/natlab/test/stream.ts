import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Daemon, WirepathNode } from '../src/index.js';

const at = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const PER_SECOND = 2000;
const PORT = 9000;
/** What has not come by then is lost. */
const LOST_AFTER_MS = 1000;

interface Span {
  /** Unix ms. */
  readonly atMs: number;
  readonly lengthMs: number;
}

export interface StreamReport {
  readonly sent: number;
  /** Not delivered within 1 s. */
  readonly lost: number;
  readonly duplicates: number;
  /** Longest time in which nothing arrived, but for times in which sender or receiver were not given the processor. */
  readonly longestGapMs: number;
  readonly slowestMs: number;
  /** Longest time in which the machine kept sender or receiver waiting. */
  readonly longestPauseMs: number;
}

/** A numbered stream of 2,000 datagrams a second through the tunnel. */
export class Stream {
  private constructor(
    private readonly sender: Daemon,
    private readonly receiver: Daemon,
  ) {}

  static async start(from: WirepathNode, to: WirepathNode): Promise<Stream> {
    const { lab } = from;
    const target = `${to.address}:${PORT}`;
    const receiver = lab.spawn(to.host, 'stream-receiver', [process.execPath, at('./stream-receiver.mjs'), target]);
    await receiver.logged(/ready/);
    const command = [process.execPath, at('./stream-sender.mjs'), target, String(PER_SECOND)];
    return new Stream(lab.spawn(from.host, 'stream-sender', command), receiver);
  }

  async stop(): Promise<StreamReport> {
    await this.sender.stop();
    await delay(LOST_AFTER_MS);
    await this.receiver.stop();
    const { sent, pauses } = JSON.parse(this.sender.log()) as { sent: number; pauses: Span[] };
    const received = JSON.parse(this.receiver.log().replace('ready\n', '')) as {
      delaysMs: (number | null)[];
      gaps: Span[];
      duplicates: number;
      pauses: Span[];
    };
    const delays = received.delaysMs.filter((one) => one !== null);
    const stalls = [...pauses, ...received.pauses];
    return {
      sent,
      lost: sent - delays.filter((ms) => ms <= LOST_AFTER_MS).length,
      duplicates: received.duplicates,
      longestGapMs: Math.max(0, ...received.gaps.map((gap) => gap.lengthMs - longestOverlap(gap, stalls))),
      slowestMs: delays.reduce((a, b) => Math.max(a, b), 0),
      longestPauseMs: Math.max(0, ...stalls.map(({ lengthMs }) => lengthMs)),
    };
  }
}

function longestOverlap(gap: Span, spans: readonly Span[]): number {
  const overlaps = spans.map(
    ({ atMs, lengthMs }) => Math.min(gap.atMs + gap.lengthMs, atMs + lengthMs) - Math.max(gap.atMs, atMs),
  );
  return Math.max(0, ...overlaps);
}

export function streamText({ sent, lost, longestGapMs, slowestMs, longestPauseMs }: StreamReport): string {
  const pause = longestPauseMs > 0 ? `; the machine paused for ${longestPauseMs.toFixed(0)} ms` : '';
  return `${lost} of ${sent} lost, nothing for ${longestGapMs.toFixed(0)} ms at most, slowest ${slowestMs} ms${pause}`;
}
