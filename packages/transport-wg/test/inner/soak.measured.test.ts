import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { endBoth, NodeProcess, reasonToSkip, TwoNamespaces, type NodeEvent } from './namespaces.js';
import { crossed, startTransfer } from './transfer.js';

const reason = reasonToSkip();
if (reason) console.log(`skipped: a tunnel under load for a long time: ${reason}`);

/** Longer by `WIREPATH_SOAK_SECONDS=600`. */
const SECONDS = Number(process.env['WIREPATH_SOAK_SECONDS'] ?? 40);
const CONNECTIONS = 4;
/** A session is renewed after 5 s, no longer sent on after 7.5 s, and forgotten after 22.5 s. */
const CLOCK_RATE = 24;
const REKEY_SECONDS = 120 / CLOCK_RATE;
const SAMPLES = 8;
/** What comes and goes with the load; a leak of a byte for each packet is more. */
const HEAP_SLACK_BYTES = 2 << 20;
const RSS_SLACK_BYTES = 32 << 20;

describe.skipIf(reason)('a tunnel under load for a long time', () => {
  const lab = reason === undefined ? new TwoNamespaces() : undefined;
  const nodes = [new NodeProcess(), new NodeProcess()] as const;
  const names = [`wps${process.pid % 100_000}`, `wpt${process.pid % 100_000}`] as const;
  let kill = (): void => undefined;

  afterEach(async () => {
    kill();
    if (lab !== undefined) await endBoth({ lab, a: nodes[0], b: nodes[1] }, names);
  });

  it(
    'changes keys again and again, loses no connection and no byte, and grows in nothing',
    { timeout: (SECONDS + 120) * 1000, retry: 0 },
    async () => {
      if (lab === undefined) return;
      nodes.forEach((node, i) =>
        node.start([lab.a, lab.b][i]!, {
          interfaceName: names[i]!,
          address: `10.77.0.${i + 1}/24`,
          options: { listenPort: 51820 + i },
          peers: [
            {
              publicKey: nodes[1 - i]!.publicKey,
              allowedIps: [`10.77.0.${2 - i}/32`],
              endpoint: [`10.1.0.${2 - i}`, 51821 - i],
            },
          ],
          clockRate: CLOCK_RATE,
        }),
      );
      await Promise.all(nodes.map((node) => node.event('started')));
      expect(lab.pings(lab.a, '10.77.0.2')).toBe(true);
      const transfer = await startTransfer(lab, '10.77.0.2', `${SECONDS}s`, CONNECTIONS);
      kill = () => transfer.kill();

      const samples: NodeEvent[][] = [];
      for (let i = 0; i < SAMPLES; i++) {
        await delay((SECONDS * 1000) / (SAMPLES + 1));
        samples.push(await Promise.all(nodes.map((node) => node.ask('sample'))));
      }
      const { sent, received, receivedBytes } = crossed(await transfer.ends);
      const told = samples.map((sample) => sample.map(({ event: _, ...figures }) => figures));
      const megabytes = Math.round(receivedBytes.reduce((sum, bytes) => sum + bytes) / 1e6);
      console.log(`${megabytes} MB in ${SECONDS} s; ${told.map((sample) => JSON.stringify(sample)).join('\n')}`);
      expect(received).toEqual(sent);
      expect(receivedBytes).toHaveLength(2 * CONNECTIONS);
      for (const bytes of receivedBytes) expect(bytes).toBeGreaterThan(100_000 * SECONDS);

      // The first may be of a process that is still warming up.
      const [, early = [], last = []] = [samples[0], samples[1], samples.at(-1)];
      nodes.forEach((_, i) => {
        const figure = (sample: NodeEvent[], name: string) => Number(sample[i]?.[name]);
        expect(figure(last, 'descriptors')).toBe(figure(early, 'descriptors'));
        for (const memory of ['heapUsed', 'external', 'arrayBuffers'])
          expect(figure(last, memory) - figure(early, memory), memory).toBeLessThan(HEAP_SLACK_BYTES);
        expect(figure(last, 'rss') - figure(early, 'rss'), 'rss').toBeLessThan(RSS_SLACK_BYTES);
        const between = ((SAMPLES - 1) * SECONDS) / (SAMPLES + 1);
        const rekeys = figure(last, 'handshakes') - figure(samples[0] ?? [], 'handshakes');
        expect(rekeys).toBeGreaterThanOrEqual(Math.floor(between / (REKEY_SECONDS + 2)));
      });
    },
  );
});
