import { runConformance, serviceConformance, StaticNode } from '../../src/index.js';
import { it } from 'vitest';
import { MyBoard } from './my-plugins.js';

runConformance(
  serviceConformance(() => {
    const node = new StaticNode();
    return { create: () => new MyBoard(node.needs()), node };
  }),
  it,
);
