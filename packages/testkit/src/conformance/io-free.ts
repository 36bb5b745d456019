import assert from 'node:assert/strict';

/** Runs a constructor and makes sure that it opened no socket, file or connection and set no timer of Node's. */
export function withoutIo<T>(construct: () => T, pendingTimers: () => number): T {
  const before = activeIo();
  const made = construct();
  assert.deepEqual(openedSince(before, activeIo()), [], 'construction did I/O');
  assert.equal(pendingTimers(), 0, 'construction set timers');
  return made;
}

/** Names of the sockets, watchers and child processes that are open. */
export function openHandles(): string[] {
  return activeIo().filter((kind) => !/^(FSReq|Timeout|Immediate|MessagePort|CloseReq|.*REQ)/.test(kind));
}

/** Names of what keeps Node busy; timers of the test runner may come and go at any time, but not during a call. */
function activeIo(): string[] {
  return process.getActiveResourcesInfo();
}

/** What there is more of than before. */
export function openedSince(before: readonly string[], now: readonly string[]): string[] {
  const known = [...before];
  return now.filter((kind) => {
    const index = known.indexOf(kind);
    if (index >= 0) known.splice(index, 1);
    return index < 0;
  });
}
