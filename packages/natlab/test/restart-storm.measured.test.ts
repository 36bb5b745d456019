import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Ping } from '../src/index.js';
import { connectedPair } from './connected-pair.js';
import { describeInLab, report } from './lab-for-test.js';
import { seededRandom } from './seeded-random.js';

/** The fifty by `NATLAB_STORM_ROUNDS=50`. */
const ROUNDS = Number(process.env['NATLAB_STORM_ROUNDS'] ?? 25);
const SEED = Number(process.env['NATLAB_STORM_SEED'] ?? 1);
/** How much later than the other one a node starts, at most. */
const APART_MS = 300;
/** The times are for a person to judge on a machine with nothing else to do. */
const ECHO_LIMIT_MS = 20_000;
const SIGNALS = ['SIGTERM', 'SIGKILL'] as const;

describeInLab('both nodes, restarted again and again in random order', () => {
  it('are connected every time', async () => {
    const pair = await connectedPair('portcone', 'shifted', { connection: 'hole-punched' });
    const { lab, a, b } = pair;
    const random = seededRandom(SEED);
    const pick = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)] as T;
    const echoesMs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const [first, second] = random() < 0.5 ? [a, b] : [b, a];
      const signals = [pick(SIGNALS), pick(SIGNALS)] as const;
      const apartMs = Math.round(random() * APART_MS);
      await Promise.all([first.stop(signals[0]), second.stop(signals[1])]);
      const ping = Ping.start(lab, 'a', b.address, 10);
      first.start();
      await delay(apartMs);
      const { startedAtMs } = second.start();
      const { receivedAtMs } = await ping.firstReply({ afterMs: startedAtMs, timeoutMs: 30_000 });
      await ping.stop();
      echoesMs.push(receivedAtMs - startedAtMs);
      report(
        `${round + 1}: ${signals.join(' and ')}, ${first.name} first by ${apartMs} ms`,
        `echo ${Math.round(receivedAtMs - startedAtMs)} ms after the second was started`,
      );
    }
    const sorted = echoesMs.sort((x, y) => x - y);
    const worstMs = sorted.at(-1) ?? Infinity;
    report(
      `${ROUNDS} restarts of both, seed ${SEED}`,
      `median ${sorted[ROUNDS >> 1]?.toFixed(0)} ms, worst ${worstMs.toFixed(0)} ms`,
    );
    expect(worstMs).toBeLessThan(ECHO_LIMIT_MS);
  }, 300_000);
});
