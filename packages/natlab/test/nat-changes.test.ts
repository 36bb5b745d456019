import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  connectionOf,
  Ping,
  startPair,
  type NatKind,
  type PingReport,
  type PreparedPair,
  type WirepathNode,
} from '../src/index.js';
import { describeInLab, pairForTest, report, seconds } from './lab-for-test.js';

type Connection = ReturnType<typeof connectionOf>;

async function connectedPair(a: NatKind, b: NatKind, connection: Connection): Promise<PreparedPair> {
  const pair = await pairForTest({ a, b, stun: true, relay: true });
  const { ping } = await startPair(pair);
  await ping.stop();
  await until(pair.a, connection);
  await until(pair.b, connection);
  return pair;
}

function until(node: WirepathNode, connection: Connection, timeoutMs = 15_000) {
  return node.until(connection, (status) => connectionOf(status) === connection, timeoutMs);
}

function gap({ longestGapMs, lost, sent }: PingReport): string {
  return `nothing for ${longestGapMs.toFixed(0)} ms, ${lost} of ${sent} echoes lost`;
}

describeInLab('a path that breaks under a running ping', () => {
  it.each([
    ['shifted', 'shifted', 'hole-punched'],
    ['cgnat', 'portcone', 'hole-punched'],
    ['sym', 'sym', 'relayed'],
  ] as const)('because the NAT of A forgot all mappings, is found again: %s / %s', async (a, b, connection) => {
    const pair = await connectedPair(a, b, connection);
    const before = (await pair.a.status()).peers[0]?.lastHandshakeMs;
    const ping = Ping.start(pair.lab, 'a', pair.b.address);
    await ping.firstReply();
    await delay(300);
    await pair.lab.rebind('a');
    await ping.firstReply({ afterMs: Date.now() + 100 });
    await until(pair.a, connection);
    await until(pair.b, connection);
    await delay(500);
    const outcome = await ping.stop();
    report(`${a} / ${b} after a rebinding`, gap(outcome));
    expect(outcome.longestGapMs).toBeLessThan(2000);
    // The session is the same: no new handshake was needed.
    expect((await pair.a.status()).peers[0]?.lastHandshakeMs).toBe(before);
  });

  it('because UDP between the two is blocked, goes through the relay, and back', async () => {
    const pair = await connectedPair('portcone', 'portcone', 'hole-punched');
    const { lab, a, b } = pair;
    const ping = Ping.start(lab, 'a', b.address);
    await ping.firstReply();
    await delay(300);
    await lab.blockUdp('a', 'b');
    await until(a, 'relayed');
    await until(b, 'relayed');
    const unblockedAtMs = Date.now();
    await lab.unblockUdp('a', 'b');
    await until(a, 'hole-punched', 30_000);
    report('hole-punched again', seconds(Date.now() - unblockedAtMs));
    const outcome = await ping.stop();
    report('blocked and unblocked', gap(outcome));
    expect(outcome.longestGapMs).toBeLessThan(2000);
  });
});
