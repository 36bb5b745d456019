import { linuxLibc } from '../libc/libc.js';

/** linux/time.h: as CLOCK_MONOTONIC, and counts on while the machine is suspended. */
const CLOCK_BOOTTIME = 7;
const TIMESPEC_BYTES = 16;

/** The time since boot, suspended or not. */
export interface Boottime {
  /** ms; its zero means nothing. */
  read(): number;
  /** What differs by less from a clock that stands still meanwhile, ms, may be its coarseness. */
  readonly resolutionMs: number;
  /** How often it may be read, ms: what it costs. */
  readonly intervalMs: number;
}

/** Linux's own count of the time since boot; undefined where libc cannot be called. Loads native code. */
export function linuxBoottime(): Boottime | undefined {
  let library: ReturnType<typeof linuxLibc>;
  try {
    library = linuxLibc();
  } catch {
    // Another system: what Node tells of the uptime has to do.
    return undefined;
  }
  const { address, view } = library.arena(TIMESPEC_BYTES);
  const read = (): number => {
    if (library.clock_gettime(CLOCK_BOOTTIME, address) !== 0) return NaN;
    return Number(view.getBigInt64(0, true)) * 1000 + Number(view.getBigInt64(8, true)) / 1e6;
  };
  // Both clocks are slewed alike, so that what one is ahead is suspended time, but for the time between two calls.
  return Number.isNaN(read()) ? undefined : { read, resolutionMs: 100, intervalMs: 10 };
}
