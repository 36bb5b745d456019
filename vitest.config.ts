import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const packages = readdirSync(at('packages'));

/** Tests run on the TypeScript sources, so a test never sees a stale build. */
const alias = [
  { find: /^@wirepath\/core\/plugin$/, replacement: at('packages/core/src/plugin.ts') },
  ...packages.map((name) => ({
    find: new RegExp(`^@wirepath/${name}$`),
    replacement: at(`packages/${name}/src/index.ts`),
  })),
];

const MEASURED = ['packages/*/test/**/*.measured.test.ts'];
const END_TO_END = ['packages/natlab/test/**/*.test.ts', 'packages/*/test/**/*.e2e.test.ts', 'test/**/*.e2e.test.ts'];

const END_TO_END_LIMITS = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // A virtual machine may stand still for seconds, and what was measured meanwhile is nobody's. A fault fails every time.
  retry: 2,
};

export default defineConfig({
  resolve: { alias },
  test: {
    // What nodes keep over a restart; a test that looks at it has a folder of its own.
    env: { XDG_STATE_HOME: at('node_modules/.state') },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'examples/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...END_TO_END, ...MEASURED, '**/node_modules/**'],
          // Generous: property tests and fuzzing on a busy machine with two cores.
          testTimeout: 60_000,
          hookTimeout: 30_000,
          // One for each core; the default leaves one idle, which of two is half of them.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Real daemons from the build, real devices. They wait for most of the time, so there are several at once.
        extends: true,
        test: {
          name: 'e2e',
          include: END_TO_END,
          exclude: [...MEASURED, '**/node_modules/**'],
          maxWorkers: 3,
          ...END_TO_END_LIMITS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Of these, the ones whose figures mean something: one file at a time, and nothing else.
        extends: true,
        test: {
          name: 'measured',
          include: MEASURED,
          exclude: ['**/node_modules/**'],
          fileParallelism: false,
          ...END_TO_END_LIMITS,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
