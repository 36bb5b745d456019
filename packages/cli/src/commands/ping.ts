import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_DONE, EXIT_FAILED } from '../wording/error-line.js';
import type { PingReply } from '@wirepath/core';
import { Interrupt } from '../terminal/interrupt.js';
import { formatPingLine, formatPingSummary, summarizePings } from '../text/ping-text.js';
import type { CommandContext } from './definition.js';
import { printJson } from './json-document.js';
import { connectToRunning } from './running-process.js';

export interface PingOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly count: number;
}

const TIMEOUT_MS = 2000;
const INTERVAL_MS = 1000;

/** Exits with 1 when nothing answered. */
export async function ping(context: CommandContext, options: PingOptions, peer: string): Promise<number> {
  const { terminal } = context;
  using interrupt = new Interrupt();
  using client = await connectToRunning(context, options.config, interrupt.signal);
  const replies: (PingReply | null)[] = [];
  try {
    while (replies.length < options.count) {
      if (replies.length > 0) await sleep(INTERVAL_MS, undefined, { signal: interrupt.signal });
      const answer = await client.request('ping', { peer, timeoutMs: TIMEOUT_MS }, TIMEOUT_MS + 1000);
      const reply = answer as PingReply | null;
      replies.push(reply);
      if (options.json !== true) terminal.out.write(formatPingLine(peer, replies.length, reply));
    }
  } catch (error) {
    // After Ctrl-C the summary of what there was is still wanted.
    if (!interrupt.signal.aborted) throw error;
  }
  const summary = summarizePings(peer, replies);
  if (options.json === true) printJson(terminal, summary);
  else terminal.out.write(formatPingSummary(summary));
  return summary.received > 0 ? EXIT_DONE : EXIT_FAILED;
}
