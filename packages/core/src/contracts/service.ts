/** Something with a life: constructed without I/O, started, stopped. */
export interface Service {
  start(options: { signal: AbortSignal }): Promise<void>;
  /** Safe before, during and after start; idempotent; leaves no timer, socket, worker or file behind. */
  stop(): Promise<void>;
}
