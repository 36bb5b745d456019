/** Throws it where Node looks for it, as the process's `uncaughtException`: not through C, and not into what else is at work. */
export function throwUncaught(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
