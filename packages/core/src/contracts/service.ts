/** Something with a life: constructed without I/O, started, stopped. */
export interface Service {
  start(options: { signal: AbortSignal }): Promise<void>;
  /**
   * Safe before, during and after start; idempotent; leaves no timer, socket, worker or file behind.
   * @param options.failed it is not somebody's wish: something else failed. What is to outlive a failure then stays.
   */
  stop(options?: { failed?: boolean }): Promise<void>;
}

/**
 * What a plugin of the role `service` runs beside the tunnel, for people or programs: metrics, a status page, a name server.
 * It is started when everything else has been, and stopped before anything else is; one that does not start ends the node.
 */
export interface PluginService extends Service {
  /** What is wrong right now, one line each with its cure, for `status`. */
  problems?(): readonly string[];
  /** The rc file says other options: takes them over without a restart. @returns what takes a restart all the same, a clause each. */
  reload?(options: unknown): readonly string[] | undefined;
}
