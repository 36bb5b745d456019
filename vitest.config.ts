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

export default defineConfig({
  resolve: { alias },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'examples/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['packages/natlab/**', '**/*.e2e.test.ts', '**/node_modules/**'],
          // Generous: property tests and fuzzing on a busy machine with two cores.
          testTimeout: 60_000,
          hookTimeout: 30_000,
        },
      },
      {
        // End to end: real daemons from the build, real devices, one file at a time so that timings mean something.
        extends: true,
        test: {
          name: 'e2e',
          include: ['packages/natlab/test/**/*.test.ts', 'packages/*/test/**/*.e2e.test.ts', 'test/**/*.e2e.test.ts'],
          exclude: ['**/node_modules/**'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // A virtual machine may stand still for seconds, and what was measured meanwhile is nobody's. A fault fails every time.
          retry: 2,
        },
      },
    ],
  },
});
