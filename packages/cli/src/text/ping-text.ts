import { printable } from '@wirepath/core/plugin';
import type { PingReply } from '@wirepath/core';
import { formatRtt } from '../wording/units.js';

/** `ping --json`. */
export interface PingSummary {
  readonly peer: string;
  readonly sent: number;
  readonly received: number;
  readonly rttMs: { readonly min: number; readonly avg: number; readonly max: number } | null;
  /** In order; null where nothing answered in time. */
  readonly replies: readonly (PingReply | null)[];
}

export function summarizePings(peer: string, replies: readonly (PingReply | null)[]): PingSummary {
  const times = replies.flatMap((reply) => (reply === null ? [] : [reply.rttMs]));
  const rttMs =
    times.length === 0
      ? null
      : {
          min: Math.min(...times),
          avg: times.reduce((sum, time) => sum + time, 0) / times.length,
          max: Math.max(...times),
        };
  return { peer, sent: replies.length, received: times.length, rttMs, replies };
}

export function formatPingLine(peer: string, sequence: number, reply: PingReply | null): string {
  const head = `${printable(peer)} #${String(sequence)}: `;
  if (reply === null) return `${head}no answer\n`;
  return `${head}${formatRtt(reply.rttMs)}, ${printable(reply.connection)}, via ${printable(reply.via)}\n`;
}

export function formatPingSummary({ sent, received, rttMs }: PingSummary): string {
  const head = `${String(received)} of ${String(sent)} answered`;
  if (rttMs === null) return `${head}\n`;
  return `${head}; min/avg/max ${[rttMs.min, rttMs.avg, rttMs.max].map(formatRtt).join(' / ')}\n`;
}
