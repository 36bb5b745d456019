import type { Daemon } from './daemon.js';
import type { Lab } from './lab.js';
import { poll } from './poll.js';

/** One answered echo request. */
export interface EchoReply {
  readonly sequence: number;
  readonly receivedAtMs: number;
  readonly rttMs: number;
}

export interface PingReport {
  readonly sent: number;
  readonly received: number;
  /** Requests after the first answered one that had no reply within 1 s. */
  readonly lost: number;
  /** Longest time between two replies. */
  readonly longestGapMs: number;
}

const LOST_AFTER_MS = 1000;

/** A running ping of the system, from one namespace through the tunnel or not. */
export class Ping {
  private constructor(
    private readonly process: Daemon,
    private readonly intervalMs: number,
  ) {}

  /** Goes on until it is stopped, whatever the network says meanwhile. */
  static start(lab: Lab, host: string, address: string, intervalMs = 20): Ping {
    const command = ['ping', '-n', '-D', '-i', String(intervalMs / 1000), address];
    return new Ping(lab.spawn(host, `ping-${host}-${address}`, command), intervalMs);
  }

  get startedAtMs(): number {
    return this.process.startedAtMs;
  }

  replies(): EchoReply[] {
    const pattern = /^\[(\d+\.\d+)\] .*icmp_seq=(\d+) .*time=([\d.]+) ms$/gm;
    return [...this.process.log().matchAll(pattern)].map(([, at, sequence, rtt]) => ({
      sequence: Number(sequence),
      receivedAtMs: Number(at) * 1000,
      rttMs: Number(rtt),
    }));
  }

  /** The first reply that came after a time (unix ms). @throws Error when none comes within the time. */
  firstReply({ afterMs = 0, timeoutMs = 15_000 } = {}): Promise<EchoReply> {
    const look = () => {
      if (!this.process.alive) throw new Error(`ping ended:\n${this.process.log()}`);
      return this.replies().find(({ receivedAtMs }) => receivedAtMs > afterMs);
    };
    return poll(look, { what: `echo in ${this.process.name}`, timeoutMs, intervalMs: 10 });
  }

  async stop(): Promise<PingReport> {
    await this.process.stop('SIGINT');
    const replies = this.replies();
    const sent = Number(/(\d+) packets transmitted/.exec(this.process.log())?.[1] ?? 0);
    const answered = new Set(replies.filter(({ rttMs }) => rttMs <= LOST_AFTER_MS).map(({ sequence }) => sequence));
    // The last ones may still be on their way; an outage at the end would be longer than that.
    const onTheWay = Math.ceil(200 / this.intervalMs) + 1;
    const last = Math.max(0, ...answered);
    const expected = (sent - last <= onTheWay ? last : sent) - Math.min(last, ...answered) + 1;
    const times = replies.map(({ receivedAtMs }) => receivedAtMs).sort((a, b) => a - b);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
    return { sent, received: replies.length, lost: expected - answered.size, longestGapMs: Math.max(0, ...gaps) };
  }
}
