/**
 * What every callback at the edge goes through: a datagram's, a connection's, a timer's, a plugin's. One that throws, or
 * whose promise rejects, is counted, logged at most once a minute under the name of its part, and everything else goes on.
 */
export interface Guard {
  /** Calls it now. @param what the event or hook, a fixed text of the code's own. @returns undefined where it threw. */
  run<T>(what: string, action: () => T): T | undefined;
  /** For handing out: the same callback, guarded. Use it for listeners, timers and event handlers. */
  wrap<A extends readonly unknown[]>(what: string, callback: (...args: A) => unknown): (...args: A) => void;
  /** Something failed in a place that cannot throw. */
  failed(what: string, error: unknown): void;
  /** A guard for another part, which counts into the same table. */
  for(part: string): Guard;
}
