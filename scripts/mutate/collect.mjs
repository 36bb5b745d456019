// Before each test file: it is only collected. Its tests are run for one mutant after the other, by resident.test.mjs, which comes last.
import { beforeEach, inject } from 'vitest';

const mutants = (globalThis.__stryker__ ??= {});
mutants.activeMutant = inject('mutant');
const resident = (globalThis.resident ??= { files: new Set(), isAwake: false });

beforeEach(({ skip, task }) => {
  if (resident.isAwake || task.name === 'tests mutants') return;
  resident.files.add(task.file);
  skip();
});
