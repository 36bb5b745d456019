export interface ReadableWatch {
  /** `uv`: by the event loop itself. `pool`: by a thread of its pool, at about ten times the cost for each wake-up. */
  readonly via: 'uv' | 'pool';
  /**
   * Nothing is called any more from the call on. Resolves when the descriptor may be closed: not before, for it may be watched
   * under its number until then. Idempotent.
   */
  close(): Promise<void>;
}
