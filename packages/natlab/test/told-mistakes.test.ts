import { expect, it } from 'vitest';
import { startPair, type PreparedPair } from '../src/index.js';
import { poll } from '../src/poll.js';
import { describeInLab, pairForTest } from './lab-for-test.js';

/** Until `status` of the node has a problem like this. */
async function untilTold(node: PreparedPair['a'], problem: RegExp): Promise<string> {
  const look = async () => (await node.status()).node.problems.find((line) => problem.test(line));
  return poll(look, { what: `a problem like ${String(problem)}`, timeoutMs: 15_000, intervalMs: 200 });
}

describeInLab('a mistake of configuration is told in words by the side that can see it', () => {
  it('allowedIps here lack the address that the peer sends from', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'none' });
    const { lab, a, b } = pair;
    await a.configure([b.asPeer()]);
    await b.configure([a.asPeer({ allowedIps: ['10.77.0.99/32'] })]);
    await pair.server.start();
    a.start();
    b.start();
    await a.untilConnected('direct', { timeoutMs: 30_000 });
    await lab.tryExec('a', ['ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', b.address]);
    const problem = await untilTold(b, /sends packets from 10\.77\.0\.1, which its allowedIps here do not have/);
    expect(problem).toMatch(/^a /);
  });

  it('a firewall on this machine forbids our datagrams', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'none' });
    const { lab, a } = pair;
    const { ping } = await startPair(pair);
    const rules =
      'table ip deaf {\n chain out { type filter hook output priority 0; oifname "eth0" meta l4proto udp drop; }\n}\n';
    await lab.exec('a', ['nft', '-f', '-'], { input: rules });
    await untilTold(a, /a firewall on this machine forbids datagrams of ours/);
    await lab.exec('a', ['nft', 'delete', 'table', 'ip', 'deaf']);
    await ping.stop();
  });

  it('the preshared keys differ', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'none' });
    const { a, b } = pair;
    const presharedKey = (byte: string) => Buffer.from(byte.repeat(32)).toString('base64');
    await a.configure([b.asPeer({ presharedKey: presharedKey('a') })]);
    await b.configure([a.asPeer({ presharedKey: presharedKey('b') })]);
    await pair.server.start();
    a.start();
    b.start();
    // Whichever side initiates sees it.
    const told = /its answers to our handshakes cannot be opened: presharedKey is not the same on both sides/;
    await Promise.any([untilTold(a, told), untilTold(b, told)]);
  });

  it('only one side knows the other', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'none' });
    const { a, b } = pair;
    await a.configure([b.asPeer()]);
    await b.configure([]);
    await pair.server.start();
    await b.start().logged(/node is up/);
    a.start();
    const problem = await untilTold(b, /calls this node, which has no such peer/);
    expect(problem).toContain(a.keys.publicKey);
  });
});
