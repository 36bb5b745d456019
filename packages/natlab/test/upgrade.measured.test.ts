import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { report, describeInLab, seconds } from './lab-for-test.js';
import { connectedPair, bothUntil, streamDuring } from './connected-pair.js';
import { streamText } from './stream.js';
import { undisturbed } from './undisturbed.js';

/** Three round trips are a millisecond or two here. */
const DOWN_GAP_MS = 300;
/** The minute by `NATLAB_ONE_WAY_SECONDS=60`. */
const ONE_WAY_MS = Number(process.env['NATLAB_ONE_WAY_SECONDS'] ?? 20) * 1000;

describeInLab('a stream of 2,000 packets a second', () => {
  it('loses nothing when its path moves from the relay to a direct one, and little on the way back', async (context) => {
    const pair = await connectedPair('portcone', 'shifted', {
      connection: 'relayed',
      before: ({ lab }) => lab.blockUdp('a', 'b'),
    });
    const { lab } = pair;
    const block = async () => {
      await lab.blockUdp('a', 'b');
      await bothUntil(pair, 'relayed');
    };
    const unblock = async () => {
      await lab.unblockUdp('a', 'b');
      await bothUntil(pair, 'hole-punched');
    };

    let isBlocked = true;
    const up = await undisturbed(
      context,
      async () => {
        if (!isBlocked) await block();
        const startedAtMs = Date.now();
        const stream = await streamDuring(pair, unblock);
        isBlocked = false;
        report('relayed to hole-punched', `${streamText(stream)}, all in ${seconds(Date.now() - startedAtMs)}`);
        return stream;
      },
      ({ lost }) => lost === 0,
    );
    expect(up.lost).toBe(0);

    const down = await undisturbed(
      context,
      async () => {
        if (isBlocked) await unblock();
        const stream = await streamDuring(pair, block);
        isBlocked = true;
        report('hole-punched to relayed', streamText(stream));
        return stream;
      },
      ({ longestGapMs }) => longestGapMs <= DOWN_GAP_MS,
    );
    expect(down.longestGapMs).toBeLessThanOrEqual(DOWN_GAP_MS);
  }, 180_000);

  it('loses nothing and stays on the relay while a direct path answers one way only', async (context) => {
    const pair = await connectedPair('portcone', 'portcone', {
      connection: 'relayed',
      before: ({ lab }) => lab.blockUdpOneWay('a', 'b'),
    });
    const { a, b } = pair;
    const stream = await undisturbed(
      context,
      async () => {
        const measured = await streamDuring(pair, () => delay(ONE_WAY_MS));
        report('relayed beside a path that answers one way', streamText(measured));
        return measured;
      },
      ({ lost }) => lost === 0,
    );
    expect(stream.lost).toBe(0);
    for (const node of [a, b]) {
      expect(node.connectionChanges().map(({ connection }) => connection)).toEqual(['connecting', 'relayed']);
    }
    // What A sends never arrives, so B hears nothing, and A hears checks that nobody answers.
    const [atA, atB] = await Promise.all([a.explain('b'), b.explain('a')]);
    const direct = ({ pairs }: typeof atA) => pairs.filter(({ connection }) => connection !== 'relayed');
    expect(direct(atA).some(({ evidence }) => /, [1-9]\d* received/.test(evidence))).toBe(true);
    expect(direct(atB).every(({ evidence }) => /, 0 received/.test(evidence))).toBe(true);
    // Each has asked the other, and knows on which side it is.
    expect(atA.advice).toEqual([expect.stringMatching(/ours do not arrive there/)]);
    expect(atB.advice).toEqual([expect.stringMatching(/its own do not arrive here/)]);
  }, 240_000);
});
