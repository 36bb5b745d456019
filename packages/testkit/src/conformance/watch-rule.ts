import assert from 'node:assert/strict';
import type { Stage } from './stage.js';

/** Changes the network, where the factory can: a watch must call back then. */
interface Changeable {
  change?(): void | Promise<void>;
}

/** A watch calls back on a change; disposing it is idempotent, ends that, and leaves nothing. */
export async function checkWatch(stage: Stage<Changeable>, watch: (onChange: () => void) => Disposable): Promise<void> {
  const { subject, world } = stage;
  let calls = 0;
  const watching = watch(() => (calls += 1));
  await world.time.advance(100);
  if (subject.change !== undefined) {
    await subject.change();
    await stage.eventually(() => calls > 0, 'a call back');
  }
  watching[Symbol.dispose]();
  watching[Symbol.dispose]();
  const before = calls;
  await subject.change?.();
  await world.time.advance(5000);
  assert.equal(calls, before, 'it called back after it was disposed');
  await stage.assertNoTimers();
}
