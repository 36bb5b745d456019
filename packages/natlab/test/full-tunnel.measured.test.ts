import { expect, it } from 'vitest';
import { Ping, startPair, type PreparedPair } from '../src/index.js';
import { describeInLab, pairForTest, report, seconds } from './lab-for-test.js';
import { undisturbed } from './undisturbed.js';

const OUTSIDE = '203.0.113.12';

/** A, in a LAN of its own so that the internet is beyond its default route, sends everything through B, and B passes it on to the internet under its own address. */
async function gatewayPair(): Promise<PreparedPair> {
  const pair = await pairForTest({ a: 'portcone', b: 'none' });
  const { lab, a, b } = pair;
  await a.configure([b.asPeer({ allowedIps: ['0.0.0.0/0'] })]);
  await lab.exec('b', ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
  const masquerade = 'chain post {\n type nat hook postrouting priority 100\n oifname "eth0" masquerade\n }';
  await lab.exec('b', ['nft', '-f', '-'], { input: `table ip gateway {\n ${masquerade}\n }\n` });
  const [fromA, fromB] = ['a', 'b'].map((site) => `ip saddr ${lab.site(site).publicAddress} icmp type echo-request`);
  const count = `chain seen {
 type filter hook input priority 0
 ${fromA} counter comment "a"
 ${fromB} counter comment "b"
 }`;
  await lab.exec('srv', ['nft', '-f', '-'], { input: `table ip seen {\n ${count}\n }\n` });
  return pair;
}

/** Echo requests that the servers' namespace has seen, by whose address they came from. */
async function echoRequestsSeen({ lab }: PreparedPair): Promise<Record<string, number>> {
  const listing = await lab.exec('srv', ['nft', 'list', 'table', 'ip', 'seen']);
  const counts = [...listing.matchAll(/counter packets (\d+) .*comment "(\w)"/g)];
  return Object.fromEntries(counts.map(([, packets, site = '']) => [site, Number(packets)]));
}

describeInLab('all traffic through one peer', () => {
  it('goes through the tunnel, and the tunnel itself does not', async (context) => {
    const pair = await gatewayPair();
    const { lab, a } = pair;
    const { ping } = await startPair(pair);
    await ping.stop();
    const ask = async () => {
      const through = Ping.start(lab, 'a', OUTSIDE);
      await through.firstReply();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return through.stop();
    };
    const { lost } = await undisturbed(context, ask, (outcome) => outcome.lost === 0);
    expect(lost).toBe(0);
    const seen = await echoRequestsSeen(pair);
    expect(seen['b']).toBeGreaterThan(5);
    // Before A was up nobody pinged the servers, so all that came from A itself went past the tunnel.
    expect(seen['a']).toBe(0);

    await a.stop();
    expect(await lab.exec('a', ['ip', 'route', 'get', OUTSIDE])).toContain('dev eth0');
  });

  it('comes back after the peer was killed and started again', async () => {
    const pair = await gatewayPair();
    const { lab, b } = pair;
    const { ping } = await startPair(pair);
    await ping.stop();
    const through = Ping.start(lab, 'a', OUTSIDE);
    await through.firstReply();
    await b.stop('SIGKILL');
    // Until the kernel has forgotten all that it knew of the old path.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const { startedAtMs } = b.start();
    const { receivedAtMs } = await through.firstReply({ afterMs: startedAtMs, timeoutMs: 30_000 });
    report('from starting the gateway again to the first echo through it', seconds(receivedAtMs - startedAtMs));
    await through.stop();
  });
});
