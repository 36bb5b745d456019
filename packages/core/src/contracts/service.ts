/** Something with a life: constructed without I/O, started, stopped. */
export interface Service {
  start(options: { signal: AbortSignal }): Promise<void>;
  /**
   * Safe before, during and after start; idempotent; leaves no timer, socket, worker or file behind.
   * @param options.failed it is not somebody's wish: something else failed. What is to outlive a failure then stays.
   */
  stop(options?: { failed?: boolean }): Promise<void>;
}
