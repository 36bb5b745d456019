import { runConformance, type ConformanceCheck } from '../../src/index.js';
import assert from 'node:assert/strict';
import { it } from 'vitest';
import { MyRegistry } from './my-plugins.js';

const checks: ConformanceCheck[] = [
  {
    name: 'a registry without peers ends with its signal',
    run: async () => {
      for await (const change of new MyRegistry().peers({ signal: AbortSignal.abort() })) assert.fail(change.kind);
    },
  },
];

runConformance(checks, it);
