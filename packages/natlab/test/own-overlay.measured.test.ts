import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Ping, startPair, type PreparedPair, type WirepathNode } from '../src/index.js';
import { bothUntil } from './connected-pair.js';
import { describeInLab, pairForTest, report } from './lab-for-test.js';
import { overlayAddress, overlays, reachThrough, type OverlayKind } from './overlay.js';

const INTERVAL_MS = 20;
/** From when the overlay carries packets: all that comes of it has come by then. */
const WATCH_MS = 5000;
/** Of 250 and more; without an overlay none is lost, with one that is taken for a path four of five. */
const MOST_LOST = 8;
const CLOCK_TICKS_PER_SECOND = 100;

/** CPU seconds that the node's process has used. */
function cpuSeconds({ daemon }: WirepathNode): number {
  const fields = readFileSync(`/proc/${daemon.pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

/** What becomes of echoes through the tunnel while this is done, and for a while after. */
async function watched({ lab, a, b }: PreparedPair, change: () => Promise<unknown>) {
  const ping = Ping.start(lab, 'a', b.address, INTERVAL_MS);
  await ping.firstReply();
  await change();
  const before = cpuSeconds(a);
  await delay(WATCH_MS);
  const load = (cpuSeconds(a) - before) / (WATCH_MS / 1000);
  const { lost, sent } = await ping.stop();
  return { lost, sent, load };
}

/** That `explain` at a node calls the way to this address a loop. */
async function expectLoop(node: WirepathNode, peer: string, ip: string): Promise<void> {
  const { pairs, advice } = await node.explain(peer);
  const loop = pairs.find(({ verdict }) => verdict === 'loop');
  expect(loop?.remote).toBe(`${ip}:51820`);
  expect(loop?.evidence).toMatch(/^reached through our own tunnel/);
  expect(advice.join('\n')).toContain(ip);
}

const NATS = { 'hole-punched': ['portcone', 'portcone'], relayed: ['sym', 'sym'] } as const;

describeInLab(
  'a network that rides on the tunnel',
  () => {
    it.each<[OverlayKind, keyof typeof NATS]>([
      ['vxlan in a bridge', 'hole-punched'],
      ['another WireGuard', 'hole-punched'],
      ['an encrypted stream', 'hole-punched'],
      ['vxlan in a bridge', 'relayed'],
      ['another WireGuard', 'relayed'],
    ])('as %s does is no way to the peer, who stays %s', async (kind, connection) => {
      const [natA, natB] = NATS[connection];
      const pair = await pairForTest({ a: natA, b: natB, stun: true, relay: true });
      const { a, b } = pair;
      const { ping } = await startPair(pair);
      await ping.stop();
      await bothUntil(pair, connection);
      const before = [a, b].map((node) => node.connectionChanges().length);
      const { lost, sent, load } = await watched(pair, () => overlays[kind](pair));
      report(`${kind}, ${connection}`, `${lost} of ${sent} echoes lost, ${Math.round(load * 100)} % of a core`);
      expect(lost).toBeLessThanOrEqual(MOST_LOST);
      expect(load).toBeLessThan(0.4);
      expect([a, b].map((node) => node.connectionChanges().length)).toEqual(before);
      await expectLoop(a, 'b', overlayAddress(b));
      await expectLoop(b, 'a', overlayAddress(a));
    });

    it.each<OverlayKind>(['vxlan in a bridge', 'another WireGuard'])(
      'as %s does, and takes over the way of a path in use, costs it at once',
      async (kind) => {
        const pair = await pairForTest({ a: 'none', b: 'none', stun: true, relay: true });
        const { lab, a } = pair;
        const { ping } = await startPair(pair);
        await ping.stop();
        await bothUntil(pair, 'direct');
        const { lost, sent, load } = await watched(pair, async () => {
          await overlays[kind](pair);
          await reachThrough(pair, kind, lab.host('b').address);
        });
        report(`${kind} takes over`, `${lost} of ${sent} echoes lost, ${Math.round(load * 100)} % of a core`);
        await a.untilConnected('relayed');
        // Until the checks of the path in use show it, one in two seconds: as a rule a tenth, by chance three tenths.
        expect(lost).toBeLessThanOrEqual(0.5 * sent);
        expect(load).toBeLessThan(0.6);
      },
    );
  },
  ['wireguard-go', 'wg'],
);
