import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BinaryHeap } from '../../../src/base/time/binary-heap.js';

it('gives back the least item first, whatever came between', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant('pop' as const)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (all) => {
      const heap = new BinaryHeap<number>((a, b) => a < b);
      const model: number[] = [];
      for (const step of all) {
        if (step === 'pop') {
          model.sort((a, b) => a - b);
          expect(heap.first).toBe(model[0]);
          expect(heap.pop()).toBe(model.shift());
        } else {
          heap.push(step);
          model.push(step);
        }
      }
    }),
  );
});
