import { FakeClock, memoryLogger } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import { ServerMistakes } from '../src/server/server-mistakes.js';

function mistakes() {
  const clock = new FakeClock();
  const logger = memoryLogger();
  return { clock, logger, mistakes: new ServerMistakes({ clock, logger }) };
}

describe('what clients of a rendezvous do that somebody has to mend', () => {
  it('a URL that is not ours, once in the log', () => {
    const { mistakes: told, logger } = mistakes();
    for (let i = 0; i < 9; i++) told.see({ kind: 'foreign-url', url: 'wss://rv.example/' });
    expect(told.problems()).toEqual([expect.stringMatching(/^clients dial wss:\/\/rv\.example\/.*rendezvous\.urls/)]);
    expect(logger.lines).toHaveLength(1);
  });

  it('a key that is not admitted', async () => {
    const { mistakes: told, clock } = mistakes();
    told.see({ kind: 'not-admitted', publicKey: 'K' });
    expect(told.problems()).toEqual([expect.stringMatching(/^K may not register: .*rendezvous\.allow/)]);
    await clock.advance(180_000);
    expect(told.problems()).toEqual([]);
  });

  it('two nodes with one key take turns; one that comes back does not', async () => {
    const { mistakes: told, clock } = mistakes();
    for (let i = 0; i < 3; i++) told.see({ kind: 'replaced', publicKey: 'once' });
    await clock.advance(200_000);
    told.see({ kind: 'replaced', publicKey: 'once' });
    expect(told.problems()).toEqual([]);
    for (let i = 0; i < 4; i++) told.see({ kind: 'replaced', publicKey: 'twice' });
    expect(told.problems()).toEqual([expect.stringMatching(/^two nodes register with the key twice, in turn/)]);
  });
});
