import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startPair, type Connection, type NatKind, type WirepathNode } from '../src/index.js';
import { bothUntil } from './connected-pair.js';
import { describeInLab, pairForTest, report } from './lab-for-test.js';

/** Of the NATs; the kernel counts whole seconds. */
const LIFETIME_S = 5;
const KEEPALIVE_S = 1;
/** By then WireGuard has said all that it says unasked after the last packet, and everything else would be forgotten. */
const IDLE_MS = 24_000;

async function endpointOf(node: WirepathNode): Promise<string> {
  return (await node.status()).peers[0]?.endpoint ?? '';
}

async function keepIdle(kindA: NatKind, kindB: NatKind, connection: Connection): Promise<void> {
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
  // Ordinary checks of other pairs may make mappings for as long as they go on.
  const watch = routers.map((router) => lab.spawn(router, 'mappings', ['conntrack', '-E', '-e', 'NEW', '-p', 'udp']));
  await delay(IDLE_MS);

  // From B: the NAT of A would not let it in if it had forgotten A.
  const { stdout } = await lab.tryExec('b', ['ping', '-c', '1', '-W', '5', a.address]);
  report(`${kindA} / ${kindB}, idle for ${IDLE_MS / 1000} s`, /time=.* ms/.exec(stdout)?.[0] ?? 'no echo');
  expect(stdout, `${kindA} / ${kindB}`).toContain('1 received');
  expect([a, b].map((node) => node.connectionChanges())).toEqual(changes);
  expect(await Promise.all([a, b].map(endpointOf))).toEqual(endpoints);
  // Through a relay, the path is a mapping toward the relay, and which of two is the engine's affair.
  if (connection === 'relayed') return;
  // A mapping of the path that had been forgotten would have been made anew.
  for (const endpoint of endpoints) {
    const [ip, port] = endpoint.split(':');
    const made = watch.flatMap((daemon) =>
      daemon
        .log()
        .split('\n')
        .filter((line) => line.includes(`dst=${ip} sport=51820 dport=${port} `)),
    );
    expect(made, `${kindA} / ${kindB}`).toEqual([]);
  }
}

describeInLab('NATs that forget what is not used', () => {
  it('do not forget an idle path that is kept alive', async () => {
    // All that is to be done is to wait.
    await Promise.all([
      keepIdle('shifted', 'shifted', 'hole-punched'),
      keepIdle('portcone', 'cgnat', 'hole-punched'),
      keepIdle('sym', 'sym', 'relayed'),
    ]);
  });
});
