import assert from 'node:assert/strict';
import type { CheckRun } from './check-run.js';

/** Changes the network, where the factory can: a watch must call back then. */
interface Changeable {
  change?(): void | Promise<void>;
}

/** A watch calls back on a change; disposing it is idempotent, ends that, and leaves nothing. */
export async function checkWatch(
  run: CheckRun<Changeable>,
  watch: (onChange: () => void) => Disposable,
): Promise<void> {
  const { subject, world } = run;
  let calls = 0;
  const watching = watch(() => (calls += 1));
  await world.time.advance(100);
  if (subject.change !== undefined) {
    await subject.change();
    await run.eventually(() => calls > 0, 'a call back');
  }
  watching[Symbol.dispose]();
  watching[Symbol.dispose]();
  const before = calls;
  await subject.change?.();
  await world.time.advance(5000);
  assert.equal(calls, before, 'it called back after it was disposed');
  await run.assertNoTimers();
}
