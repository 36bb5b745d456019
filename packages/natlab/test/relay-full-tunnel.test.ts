import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { connectionOf, Ping, WirepathServer, type Lab } from '../src/index.js';
import { CA_FILE, proxyOnly, SERVER_TLS } from './firewalled-site.js';
import { KillSwitchLab, OUTSIDE } from './kill-switch-lab.js';
import { describeInLab, report, seconds } from './lab-for-test.js';

const RELAY_PORT = 3478;
const IN_THE_CLEAR = { clear4: 0, overlay: 0, dns: 0 };

type Way = 'TCP' | 'TLS' | 'TCP through an HTTP proxy';

const RELAY_URLS: Readonly<Record<Way, string>> = {
  TCP: `${WirepathServer.relayUrl}?transport=tcp`,
  TLS: WirepathServer.relayUrl.replace(/^turn:(.*):\d+$/, 'turns:$1:443'),
  'TCP through an HTTP proxy': `${WirepathServer.relayUrl}?transport=tcp`,
};

/** A sends everything through B, and reaches it by a relay alone. */
async function relayedLab(way: Way, killSwitch: boolean): Promise<KillSwitchLab> {
  const net = await KillSwitchLab.create({
    killSwitch,
    server: { relay: true, tls: SERVER_TLS },
    rc: { relayUrls: [RELAY_URLS[way]], caFile: CA_FILE },
  });
  const { lab, a, b } = net;
  if (way !== 'TCP through an HTTP proxy') await lab.setFirewall('a', 'no-udp');
  else {
    const proxy = await proxyOnly(lab, 'a', { ports: [RELAY_PORT, 7000] });
    await a.configure([b.asPeer({ allowedIps: ['0.0.0.0/0'] })], { proxy });
  }
  return net;
}

/** Both ends of A's connections, `local remote`, by what the kernel of its namespace says. */
async function streamsOf(lab: Lab): Promise<string[]> {
  const listing = await lab.exec('a', ['ss', '-Htn', 'state', 'established']);
  return listing
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).slice(2, 4).join(' '));
}

describeInLab('all traffic through a peer that a stream to a relay alone leads to', () => {
  it.each([
    { way: 'TCP', killSwitch: false },
    { way: 'TCP', killSwitch: true },
    { way: 'TLS', killSwitch: false },
    { way: 'TLS', killSwitch: true },
    { way: 'TCP through an HTTP proxy', killSwitch: false },
    { way: 'TCP through an HTTP proxy', killSwitch: true },
  ] as const)(
    '$way, kill switch $killSwitch: the stream stays outside, after a restart of the relay, too',
    async (row) => {
      const { way, killSwitch } = row;
      const net = await relayedLab(way, killSwitch);
      const { lab, a, b, server } = net;
      const host = lab.host('a');
      const serving = await server.start();
      await b.start().logged(/rendezvous up/);
      const seen = await net.seenDuring(async () => {
        a.start();
        await a.untilConnected('relayed');
        const through = Ping.start(lab, 'a', OUTSIDE);
        await through.firstReply();
        await delay(1000);
        expect((await through.stop()).lost).toBe(0);
      });
      expect(seen).toMatchObject(IN_THE_CLEAR);
      const status = await a.status();
      expect(connectionOf(status)).toBe('relayed');
      expect(status.relays).toMatchObject([{ state: 'up', transport: way === 'TLS' ? 'tls' : 'tcp' }]);
      const streams = await streamsOf(lab);
      report(`${way}, connections of A`, streams.join(', '));
      const proxied = way === 'TCP through an HTTP proxy';
      const relay = proxied ? `${host.gateway}:3128` : `203.0.113.10:${way === 'TLS' ? 443 : RELAY_PORT}`;
      expect(streams.filter((ends) => ends.startsWith(`${host.address}:`) && ends.endsWith(relay))).not.toEqual([]);
      // None inside: not one that has the tunnel's address.
      expect(streams.filter((ends) => ends.startsWith(a.address))).toEqual([]);

      const through = Ping.start(lab, 'a', OUTSIDE);
      await through.firstReply();
      const afterRestart = await net.seenDuring(async () => {
        await serving.stop('SIGKILL');
        await delay(1500);
        const { startedAtMs } = await server.start();
        const { receivedAtMs } = await through.firstReply({ afterMs: startedAtMs, timeoutMs: 30_000 });
        report(`${way}, from starting the relay again to the first echo`, seconds(receivedAtMs - startedAtMs));
        await delay(500);
      });
      expect(afterRestart).toMatchObject(IN_THE_CLEAR);
      expect((await streamsOf(lab)).filter((ends) => ends.startsWith(a.address))).toEqual([]);
      await through.stop();
    },
  );
});
