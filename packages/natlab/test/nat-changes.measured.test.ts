import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Ping, type PreparedPair } from '../src/index.js';
import { bothUntil, connectedPair, streamDuring } from './connected-pair.js';
import { describeInLab, report } from './lab-for-test.js';
import { streamText } from './stream.js';
import { undisturbed } from './undisturbed.js';

const GAP_MS = 1000;
/** Less than a keepalive: nobody has noticed when the first packet comes. */
const IDLE_MS = 2000;
/** What follows a change in the background, such as another allocation and a new connection to the rendezvous server. */
const SETTLE_MS = 2500;

/** What happens to the NAT of A; each time another port or address. */
const CHANGES = {
  'other ports': ({ lab }: PreparedPair) => lab.rebind('a'),
  'another address': ({ lab }: PreparedPair, round: number) => lab.changePublicAddress('a', `203.0.113.${150 + round}`),
};
const cases = [
  ['other ports', 'shifted', 'shifted', 'hole-punched'],
  ['other ports', 'cgnat', 'portcone', 'hole-punched'],
  ['other ports', 'sym', 'sym', 'relayed'],
  ['another address', 'portcone', 'portcone', 'hole-punched'],
  ['another address', 'shifted', 'shifted', 'hole-punched'],
] as const;

async function lastHandshakeMs({ a }: PreparedPair): Promise<number | null | undefined> {
  return (await a.status()).peers[0]?.lastHandshakeMs;
}

describeInLab('a NAT that gives', () => {
  it.for(cases)(
    '%s interrupts a path for a second at most, under traffic and idle: %s / %s',
    { timeout: 120_000 },
    async ([what, a, b, connection], context) => {
      const pair = await connectedPair(a, b, { connection });
      const before = await lastHandshakeMs(pair);
      let round = 0;
      const underTraffic = await undisturbed(
        context,
        async () => {
          const stream = await streamDuring(pair, async () => {
            await CHANGES[what](pair, (round += 1));
            await delay(SETTLE_MS);
          });
          await bothUntil(pair, connection);
          report(`${what}, ${a} / ${b}`, streamText(stream));
          return stream;
        },
        ({ longestGapMs }) => longestGapMs <= GAP_MS,
      );
      expect(underTraffic.longestGapMs).toBeLessThanOrEqual(GAP_MS);

      const idle = await undisturbed(
        context,
        async () => {
          await CHANGES[what](pair, (round += 1));
          await delay(IDLE_MS);
          const ping = Ping.start(pair.lab, 'a', pair.b.address);
          const { receivedAtMs } = await ping.firstReply();
          await ping.stop();
          await bothUntil(pair, connection);
          const echoMs = receivedAtMs - ping.startedAtMs;
          const request = Math.min(...ping.replies().map(({ sequence }) => sequence));
          report(`${what}, idle, ${a} / ${b}`, `first echo after ${echoMs.toFixed(0)} ms, of request ${request}`);
          return { echoMs };
        },
        ({ echoMs }) => echoMs <= GAP_MS,
      );
      expect(idle.echoMs).toBeLessThanOrEqual(GAP_MS);
      // The session is the same: no new handshake was needed.
      expect(await lastHandshakeMs(pair)).toBe(before);
    },
  );
});
