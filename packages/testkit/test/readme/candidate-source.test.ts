import { candidateSourceConformance, runConformance } from '../../src/index.js';
import { it } from 'vitest';
import { MySource } from './my-plugins.js';

runConformance(
  candidateSourceConformance(() => ({
    create: () => new MySource(),
    expected: [{ type: 'host', address: '192.0.2.1:51820' }],
  })),
  it,
);
