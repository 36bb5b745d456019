import type { Clock } from '../time/clock.js';
import type { Guard } from './guard.js';

/** The clock as a part or plugin gets it: a timer of it that throws is the failure of that part, and of nobody else. */
export function guardedClock(clock: Clock, guard: Guard): Clock {
  return {
    now: () => clock.now(),
    unixMs: () => clock.unixMs(),
    setTimeout: (callback, delayMs) => clock.setTimeout(guard.wrap('timer', callback), delayMs),
  };
}
