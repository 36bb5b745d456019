import { describe, expect, it } from 'vitest';
import { Counters } from '../../../src/base/counting/counters.js';

describe('Counters', () => {
  it('count by reason, and leave out what never came up', () => {
    const counters = new Counters<'malformed' | 'oversized' | 'late'>();
    for (const reason of ['malformed', 'late', 'malformed'] as const) counters.count(reason);
    expect(counters.snapshot()).toEqual({ malformed: 2, late: 1 });
  });

  it('show from the start, at 0, what they are told to', () => {
    const counters = new Counters(['malformed', 'late']);
    counters.count('late');
    expect(counters.snapshot()).toEqual({ malformed: 0, late: 1 });
  });

  it('give a snapshot that stays as it is', () => {
    const counters = new Counters();
    const before = counters.snapshot();
    counters.count('late');
    expect(before).toEqual({});
  });
});
