import { defineConfig } from 'vitest/config';
import base from './vitest.config.js';

/** For `npm run mutate`: the tests beside the engine and the shell around it. */
export default defineConfig({
  resolve: base.resolve ?? {},
  test: {
    include: ['packages/core/test/{engine,shell}/**/*.test.ts'],
    testTimeout: 60_000,
  },
});
