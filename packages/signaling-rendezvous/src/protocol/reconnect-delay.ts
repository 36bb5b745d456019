import type { RandomSource } from '@wirepath/core/plugin';

const FIRST_MS = 250;
const CAP_MS = 15_000;
const REPLACED_FIRST_MS = 30_000;
const REPLACED_CAP_MS = 600_000;

/** Doubles with every failure in a row; jittered, so that the clients of a restarted server do not come all at once. */
export function reconnectDelayMs(failures: number, random: RandomSource): number {
  return Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(failures, 16)) * (0.5 + 0.5 * unitInterval(random));
}

/** Two nodes with one key would push each other out for ever: each waits long, and longer each time. */
export function replacedDelayMs(times: number, random: RandomSource): number {
  return Math.min(REPLACED_CAP_MS, REPLACED_FIRST_MS * 2 ** Math.min(times, 16)) * (1 + unitInterval(random));
}

function unitInterval(random: RandomSource): number {
  return Buffer.from(random.bytes(4)).readUInt32BE(0) / 2 ** 32;
}
