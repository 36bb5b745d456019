import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startPair, type Connection, type NatKind, type WirepathNode } from '../src/index.js';
import { bothUntil } from './connected-pair.js';
import { describeInLab, pairForTest, report } from './lab-for-test.js';

/** Of the NATs; the kernel counts whole seconds. */
const LIFETIME_S = 3;
const KEEPALIVE_S = 1;
/** By then WireGuard has said all that it says unasked after the last packet, and everything else would be forgotten. */
const IDLE_MS = 22_000;

async function endpointOf(node: WirepathNode): Promise<string | null | undefined> {
  return (await node.status()).peers[0]?.endpoint;
}

const PAIRS = [
  ['shifted', 'shifted', 'hole-punched'],
  ['portcone', 'cgnat', 'hole-punched'],
  ['sym', 'sym', 'relayed'],
] as const;

async function idlePair(kindA: NatKind, kindB: NatKind, connection: Connection): Promise<void> {
  const pair = await pairForTest({ a: kindA, b: kindB, stun: true, relay: true });
  const { lab, a, b } = pair;
  const routers = lab.namespaces().filter((name) => /-(gw|isp)$/.test(name));
  for (const router of routers) await lab.setMappingLifetime(router, LIFETIME_S);
  await a.configure([b.asPeer({ keepalive: KEEPALIVE_S })]);
  await b.configure([a.asPeer({ keepalive: KEEPALIVE_S })]);
  const { ping } = await startPair(pair);
  await ping.stop();
  await bothUntil(pair, connection);
  const endpoints = await Promise.all([a, b].map(endpointOf));
  const changes = [a, b].map((node) => node.connectionChanges());
  await delay(IDLE_MS);

  // From B: the NAT of A would not let it in if it had forgotten A.
  const { stdout } = await lab.tryExec('b', ['ping', '-c', '1', '-W', '1', a.address]);
  report(`${kindA} / ${kindB}, idle for ${IDLE_MS / 1000} s`, /time=.* ms/.exec(stdout)?.[0] ?? 'no echo');
  expect(stdout, `${kindA} / ${kindB}`).toContain('1 received');
  expect([a, b].map((node) => node.connectionChanges())).toEqual(changes);
  expect(await Promise.all([a, b].map(endpointOf))).toEqual(endpoints);
}

describeInLab('NATs that forget what is not used', () => {
  it('do not forget an idle path that is kept alive', async () => {
    // All that is to be done is to wait.
    await Promise.all(PAIRS.map((pair) => idlePair(...pair)));
  });
});
