const actions = new Set<() => void>();

/**
 * For a process that ends with nothing stopped, as by `process.exit()` or an exception that nobody catches.
 * @param action synchronous.
 * @returns what takes it back.
 */
export function atExit(action: () => void): Disposable {
  // One listener, however many transports there are.
  if (actions.size === 0) process.on('exit', runAll);
  actions.add(action);
  return {
    [Symbol.dispose]() {
      actions.delete(action);
      if (actions.size === 0) process.off('exit', runAll);
    },
  };
}

function runAll(): void {
  for (const action of actions) {
    try {
      action();
    } catch {
      // Nobody is left to be told, and the others are still to be done.
    }
  }
}
