import { expect, it } from 'vitest';
import { Ping, startPair, type Connection, type PreparedPair } from '../src/index.js';
import { bothUntil } from './connected-pair.js';
import { describeInLab, pairForTest, report } from './lab-for-test.js';
import { overlays, type OverlayKind } from './overlay.js';

const INTERVAL_MS = 20;
const ECHOES = 200;

/** Echoes through the tunnel, one after the other. @returns how many of them were lost. */
async function lostEchoes({ lab, b }: PreparedPair, whileRunning?: () => Promise<unknown>): Promise<number> {
  const ping = Ping.start(lab, 'a', b.address, INTERVAL_MS);
  await ping.firstReply();
  await whileRunning?.();
  await expect.poll(() => ping.replies().length, { timeout: 30_000 }).toBeGreaterThan(0);
  const from = Date.now();
  await expect.poll(() => Date.now() - from, { timeout: 30_000 }).toBeGreaterThan(ECHOES * INTERVAL_MS);
  const { lost } = await ping.stop();
  return lost;
}

function connections({ a, b }: PreparedPair): Connection[] {
  return [a, b].map((node) => node.connectionChanges().at(-1)?.connection ?? 'connecting');
}

describeInLab('a network that rides on the tunnel is no way to the peer', () => {
  it.each<[OverlayKind, 'hole-punched' | 'relayed']>([
    ['vxlan in a bridge', 'hole-punched'],
    ['another WireGuard', 'hole-punched'],
    ['vxlan in a bridge', 'relayed'],
    ['another WireGuard', 'relayed'],
  ])('%s over a path that is %s', async (kind, connection) => {
    const pair = await pairForTest({
      a: 'portcone',
      b: connection === 'relayed' ? 'noudp' : 'portcone',
      stun: true,
      relay: true,
    });
    const { ping } = await startPair(pair);
    await ping.stop();
    await bothUntil(pair, connection);
    const before = pair.a.connectionChanges().length;
    const lost = await lostEchoes(pair, async () => {
      await overlays[kind](pair);
    });
    report(kind, `${lost} echoes lost`);
    console.log(pair.a.connectionChanges(), pair.b.connectionChanges());
    console.log(await pair.a.run('explain', 'b'));
    console.log(await pair.b.run('explain', 'a'));
    expect(lost).toBeLessThanOrEqual(2);
    expect(connections(pair)).toEqual([connection, connection]);
    expect(pair.a.connectionChanges()).toHaveLength(before);
  });
});
