import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  NAT_KINDS,
  startPair,
  WirepathServer,
  type NatKind,
  type PreparedPair,
  type WirepathNode,
} from '../src/index.js';
import { CA_FILE, inspectHttps, proxyOnly, SERVER_TLS } from './firewalled-site.js';
import { describeInLab, pairForTest, report } from './lab-for-test.js';
import { Stream } from './stream.js';

/** From starting A to the first echo; more than that is a time-out of UDP that somebody pays. */
const ECHO_LIMIT_SECONDS = 0.6;
const SEVEN_KINDS = (Object.keys(NAT_KINDS) as NatKind[]).filter((kind) => kind !== 'noudp' && kind !== 'symseq');

const RC = { relayUrls: [WirepathServer.anyRelayUrl], caFile: CA_FILE };
/** Nothing but port 443 is needed. */
const HTTPS_RC = { ...RC, rendezvousUrl: WirepathServer.secureRendezvousUrl };

function prepare(a: NatKind, b: NatKind, rc: Readonly<Record<string, unknown>> = RC): Promise<PreparedPair> {
  return pairForTest({ a, b, stun: true, relay: true, tls: SERVER_TLS, rc });
}

/** How the node holds its relay, as `status` says. */
async function relayTransports(node: WirepathNode): Promise<string[]> {
  const { relays } = await node.status();
  return relays.filter(({ state }) => state === 'up').map(({ transport }) => transport);
}

describeInLab('a site that lets no UDP out', () => {
  it.each([...SEVEN_KINDS, 'noudp' as const])('is connected with one behind %s through a stream', async (kind) => {
    const pair = await prepare('noudp', kind);
    const { ping, echoSeconds } = await startPair(pair);
    await delay(1000);
    const { lost } = await ping.stop();
    const transports = await relayTransports(pair.a);
    report(`noudp / ${kind}`, `first echo after ${echoSeconds.toFixed(2)} s, over ${transports.join(', ')}`);
    expect(transports).toEqual(['tcp']);
    expect(echoSeconds).toBeLessThan(ECHO_LIMIT_SECONDS);
    expect(lost).toBe(0);
  });
});

describeInLab('a site that lets out', () => {
  it.each<[string, 'https-only' | 'inspected-https']>([
    ['TCP to port 443 alone', 'https-only'],
    ['TLS of the web alone', 'inspected-https'],
  ])('%s is connected, signalling included', async (what, firewall) => {
    const pair = await prepare('portcone', 'sym', HTTPS_RC);
    if (firewall === 'inspected-https') await inspectHttps(pair.lab, 'a');
    else await pair.lab.setFirewall('a', firewall);
    const { ping, echoSeconds } = await startPair(pair);
    const { lost } = await ping.stop();
    report(what, `first echo after ${echoSeconds.toFixed(2)} s`);
    expect(await relayTransports(pair.a)).toEqual(['tls']);
    expect(echoSeconds).toBeLessThan(ECHO_LIMIT_SECONDS);
    expect(lost).toBe(0);
  });
});

describeInLab(
  'a site with an HTTP proxy alone',
  () => {
    it('is connected, signalling included', async () => {
      const pair = await prepare('portcone', 'sym', HTTPS_RC);
      const proxy = await proxyOnly(pair.lab, 'a');
      await pair.a.configure([pair.b.asPeer()], { proxy });
      const { ping, echoSeconds } = await startPair(pair);
      const { lost } = await ping.stop();
      report('through tinyproxy', `first echo after ${echoSeconds.toFixed(2)} s`);
      expect(await relayTransports(pair.a)).toEqual(['tls']);
      expect(echoSeconds).toBeLessThan(ECHO_LIMIT_SECONDS);
      expect(lost).toBe(0);
    });
  },
  ['tinyproxy'],
);

describeInLab('a firewall that changes while traffic flows', () => {
  it('lets UDP out again, which takes the traffic off the stream, and nothing is lost', async () => {
    const pair = await prepare('sym', 'sym');
    await pair.lab.setFirewall('a', 'no-udp');
    const { ping } = await startPair(pair);
    await ping.stop();
    expect(await relayTransports(pair.a)).toEqual(['tcp']);
    const stream = await Stream.start(pair.a, pair.b);
    await delay(1000);
    await pair.lab.setFirewall('a', 'open');
    const allowedAt = performance.now();
    await pair.a.until('a relay over UDP alone', ({ relays }) => {
      const up = relays.filter(({ state }) => state === 'up');
      return up.length > 0 && up.every(({ transport }) => transport === 'udp');
    });
    const seconds = (performance.now() - allowedAt) / 1000;
    await delay(1000);
    const { lost, sent } = await stream.stop();
    report('UDP allowed again', `off the stream after ${seconds.toFixed(1)} s, ${lost} of ${sent} lost`);
    expect(seconds).toBeLessThan(10);
    expect(lost).toBe(0);
  });

  it('blocks UDP in mid-flow', async () => {
    const pair = await prepare('sym', 'sym');
    const { ping } = await startPair(pair);
    await delay(2000);
    await pair.lab.setFirewall('a', 'no-udp');
    await delay(4000);
    const { longestGapMs } = await ping.stop();
    report('UDP blocked in mid-flow', `gap of ${(longestGapMs / 1000).toFixed(2)} s`);
    expect(longestGapMs).toBeLessThan(2000);
  });
});
