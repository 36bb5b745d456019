import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';
import base from './vitest.config.js';

/** Those that try something a thousand times come last: most mutants are found before. */
const SLOW = ['hostile-peer', 'path-engine', 'loop-trial', 'connectivity-checks', 'signal-exchange'];

class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => SLOW.findIndex((name) => moduleId.includes(`/${name}.test.`));
    return [...files].sort((a, b) => rank(a) - rank(b) || a.moduleId.localeCompare(b.moduleId));
  }
}

/** For `npm run mutate`: the tests beside the engine and the shell around it, in one thread that starts for each mutant. */
export default defineConfig({
  resolve: base.resolve ?? {},
  test: {
    include: ['packages/core/test/{engine,shell}/**/*.test.ts'],
    testTimeout: 60_000,
    pool: 'threads',
    isolate: false,
    maxWorkers: 1,
    sequence: { sequencer: QuickFirst },
  },
});
