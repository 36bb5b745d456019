import { setTimeout as delay } from 'node:timers/promises';
import { startPair, type Connection, type NatKind, type PreparedPair } from '../src/index.js';
import { pairForTest } from './lab-for-test.js';
import { Stream, type StreamReport } from './stream.js';

const STREAM_MS = 1500;

export interface ConnectedPairOptions {
  /** How both ends shall be connected before anything is measured. */
  readonly connection: Connection;
  /** Done to the lab before anything starts. */
  readonly before?: (pair: PreparedPair) => Promise<void>;
}

/** Two nodes with STUN and a relay, connected as asked. */
export async function connectedPair(
  a: NatKind,
  b: NatKind,
  { connection, before }: ConnectedPairOptions,
): Promise<PreparedPair> {
  const pair = await pairForTest({ a, b, stun: true, relay: true });
  await before?.(pair);
  const { ping } = await startPair(pair);
  await ping.stop();
  await bothUntil(pair, connection);
  return pair;
}

export async function bothUntil({ a, b }: PreparedPair, connection: Connection): Promise<void> {
  await Promise.all([a, b].map((node) => node.untilConnected(connection, { timeoutMs: 30_000 })));
}

/** A stream from A to B runs before, during and after. */
export async function streamDuring({ a, b }: PreparedPair, change: () => Promise<unknown>): Promise<StreamReport> {
  const stream = await Stream.start(a, b);
  await delay(STREAM_MS);
  await change();
  await delay(STREAM_MS);
  return stream.stop();
}
