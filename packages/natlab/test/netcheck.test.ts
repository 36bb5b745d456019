import type { NetcheckDocument } from '@wirepath/core';
import { expect, it } from 'vitest';
import { NAT_BEHAVIOR, WirepathNode, WirepathServer, type Lab, type UdpNatKind } from '../src/index.js';
import { wirepath } from '../src/wirepath/command.js';
import { describeInLab, labForTest, report, seconds } from './lab-for-test.js';

/** Of the kinds that look different from outside. */
const KEEPS_PORT: Readonly<Record<Exclude<UdpNatKind, 'symseq'>, boolean>> = {
  none: true,
  portcone: true,
  fullcone: true,
  addrcone: true,
  shifted: false,
  sym: false,
  cgnat: false,
};

/** Each round stands for a run of the command: what one leaves open in the NAT, the next one meets. */
async function everyWay(node: WirepathNode, check: (document: NetcheckDocument, way: string) => void): Promise<void> {
  const run = async (way: string) => {
    const started = performance.now();
    const document = await netcheck(node);
    report(way, seconds(performance.now() - started));
    check(document, way);
  };
  await run('cold');
  await run('at once again');
  node.start();
  await node.daemon.logged(/node is up/);
  await run('of a daemon that has just started');
  await run('of a daemon');
  await node.stop();
  await run('after the daemon');
}

/** In the host's namespace, where it looks by itself when no daemon runs. */
async function netcheck(node: WirepathNode, env: readonly string[] = []): Promise<NetcheckDocument> {
  const command = ['env', ...env, ...wirepath('netcheck', '--json', '--config', node.rcFile)];
  const text = await node.lab.exec(node.host, command, {
    timeoutMs: 30_000,
  });
  return JSON.parse(text) as NetcheckDocument;
}

async function nodeIn(lab: Lab, stunServers: readonly string[], relay = false): Promise<WirepathNode> {
  const relayUrls = relay ? [WirepathServer.relayUrl] : undefined;
  const node = new WirepathNode(lab, 'a', { number: 1, rc: { stunServers, relayUrls, rendezvousUrl: undefined } });
  await node.configure([]);
  return node;
}

async function startServer(lab: Lab, relay = false): Promise<void> {
  const server = await WirepathServer.prepare(lab, { stun: true, relay });
  await server.start();
}

describeInLab('netcheck where servers are of no use', () => {
  it('says that UDP works when a relay answers, be it with a refusal, and names what does not', async () => {
    const lab = await labForTest({ a: 'portcone' });
    await startServer(lab, true);
    const node = await nodeIn(lab, [WirepathServer.stunServer.replace(/\d+$/, '4444')], true);
    const wrongStun = expect.stringContaining('the STUN server is of no use') as string;
    expect(await netcheck(node)).toMatchObject({ udp: true, relays: [{ error: null }], problems: [wrongStun] });
    const refused = await netcheck(node, ['WIREPATH_PLUGINS__SOURCE_RELAY__SERVERS__0__CREDENTIAL=wrong']);
    const why = expect.stringMatching(/401 .*\(username or credential is not one of that server\)/) as string;
    expect(refused).toMatchObject({ udp: true, relays: [{ error: why }], problems: [wrongStun] });
  });
});

describeInLab('netcheck, cold and again, without a daemon and of one', () => {
  it.each(Object.entries(KEEPS_PORT) as [UdpNatKind, boolean][])(
    'names what a NAT of kind %s does',
    async (kind, keepsPort) => {
      const { mapping, filtering } = NAT_BEHAVIOR[kind];
      const lab = await labForTest({ a: kind });
      await startServer(lab);
      const node = await nodeIn(lab, [WirepathServer.stunServer]);
      const { publicAddress } = lab.site('a');
      await everyWay(node, (document, way) => {
        expect(document, way).toMatchObject({ udp: true, mapping, filtering, relays: [] });
        expect(document.reflexive, way).toHaveLength(1);
        expect(document.reflexive[0], way).toMatch(new RegExp(`^${publicAddress.replaceAll('.', '\\.')}:\\d+$`));
        expect(document.reflexive[0] === `${publicAddress}:51820`, `${way}: keeps the port`).toBe(keepsPort);
        expect(document.egress, way).toMatchObject([{ family: 4, ip: lab.host('a').address }]);
      });
    },
  );

  it('says that UDP leaves nowhere, where TCP does', async () => {
    const lab = await labForTest({ a: 'noudp' });
    await startServer(lab, true);
    const node = await nodeIn(lab, [WirepathServer.stunServer], true);
    await everyWay(node, (document, way) => {
      expect(document, way).toMatchObject({ udp: false, mapping: null, filtering: null, reflexive: [] });
      expect(document.relays[0]?.rttMs, way).toBeNull();
      expect(document.relays[0]?.error, way).not.toBeNull();
    });
  });

  it('tells the round trip to a relay', async () => {
    const lab = await labForTest({ a: 'portcone' });
    await startServer(lab, true);
    const node = await nodeIn(lab, [WirepathServer.stunServer], true);
    await everyWay(node, (document, way) => {
      expect(document, way).toMatchObject({ udp: true, ...NAT_BEHAVIOR.portcone });
      expect(document.relays, way).toMatchObject([{ url: WirepathServer.relayUrl, error: null }]);
      expect(document.relays[0]?.rttMs, way).toBeGreaterThan(0);
      expect(document.reflexive, way).toEqual([`${lab.site('a').publicAddress}:51820`]);
    });
  });
});
