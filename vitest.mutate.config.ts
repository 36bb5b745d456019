import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';
import base from './vitest.config.js';

const RESIDENT = 'scripts/mutate/resident.test.mjs';

class ResidentLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isResident = ({ moduleId }: TestSpecification) => Number(moduleId.endsWith(RESIDENT));
    return [...files].sort((a, b) => isResident(a) - isResident(b) || a.moduleId.localeCompare(b.moduleId));
  }
}

/** For `npm run mutate`: the tests beside the engine and the shell around it, and the simulator, in one thread that stays. */
export default defineConfig({
  resolve: base.resolve ?? {},
  test: {
    include: [
      'packages/core/test/{engine,shell}/**/*.test.ts',
      'packages/testkit/test/{nat-traversal-verbs,socket-of-a-source}.test.ts',
      'packages/testkit/test/simulator/idle-peers.test.ts',
      RESIDENT,
    ],
    setupFiles: ['scripts/mutate/collect.mjs'],
    testTimeout: 60_000,
    pool: 'threads',
    isolate: false,
    maxWorkers: 1,
    sequence: { sequencer: ResidentLast },
  },
});
