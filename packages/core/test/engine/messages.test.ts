import { describe, expect, it } from 'vitest';
import { sameDescription, whatIsNew, type DescriptionId } from '../../src/engine/messages.js';

const FIRST: DescriptionId = { runId: 'r', generation: 1, revision: 1 };

describe('descriptions of a node', () => {
  it.each<[string, DescriptionId | null, DescriptionId | null, boolean]>([
    ['are the same where all of it is', FIRST, { ...FIRST }, true],
    ['of another run', FIRST, { ...FIRST, runId: 's' }, false],
    ['of another network', FIRST, { ...FIRST, generation: 2 }, false],
    ['with anything else changed', FIRST, { ...FIRST, revision: 2 }, false],
    ['of which there is none yet', null, FIRST, false],
    ['the other way round', FIRST, null, false],
    ['where there is none of either', null, null, true],
  ])('%s', (_what, a, b, same) => {
    expect(sameDescription(a, b)).toBe(same);
  });

  it.each<[string, DescriptionId | null, Partial<DescriptionId>, string[]]>([
    ['the first is of a new place', null, {}, ['moved', 'isNews']],
    ['the same again is nothing new', FIRST, {}, []],
    ['a revision is news', FIRST, { revision: 2 }, ['isNews']],
    ['another generation is of a new place', FIRST, { generation: 2 }, ['moved', 'isNews']],
    ['another run is all of it', FIRST, { runId: 's' }, ['restarted', 'moved', 'isNews']],
  ])('%s', (_what, previous, change, expected) => {
    const news = whatIsNew(previous, { ...FIRST, ...change });
    expect(Object.entries(news).flatMap(([name, is]) => (is ? [name] : []))).toEqual(expected);
  });
});
