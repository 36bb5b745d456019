import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { Ping, startPair, type PreparedPair } from '../src/index.js';
import { poll } from '../src/poll.js';
import { describeInLab, pairForTest, report } from './lab-for-test.js';

/** Once more than that in ten seconds would be a fight. */
const APART_MS = 3000;
const ROUNDS = 5;

/** What other programs and people do to an interface, by the words of `problems`. */
const DISTURBANCES: readonly (readonly [what: string, command: (device: string) => string, told: RegExp])[] = [
  ['the link goes down', (device) => `ip link set ${device} down`, /"up" of|route/],
  ['the addresses are flushed', (device) => `ip addr flush dev ${device}`, /address/],
  ['the routes are flushed', (device) => `ip route flush dev ${device}`, /route/],
  [
    'the rules are flushed, as systemd-networkd does',
    () => 'ip rule flush; ip rule add lookup main pref 32766',
    /rule/,
  ],
  ['the device is deleted', (device) => `ip link del ${device}`, /the interface itself/],
  ['the device is renamed', (device) => `ip link set ${device} name wpx`, /the name of/],
];

async function fullTunnel(): Promise<PreparedPair> {
  const pair = await pairForTest({ a: 'portcone', b: 'none' });
  const { a, b } = pair;
  await a.configure([b.asPeer({ allowedIps: ['10.77.0.2/32', '10.99.0.0/16', '0.0.0.0/0'] })]);
  return pair;
}

const median = (numbers: readonly number[]) =>
  [...numbers].sort((x, y) => x - y)[Math.floor(numbers.length / 2)] ?? NaN;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describeInLab('our own side is observed, not assumed', () => {
  it.each(DISTURBANCES)('%s: at most 20 of 100 echoes a second are lost', async (what, command, told) => {
    const pair = await fullTunnel();
    const { lab, a, b } = pair;
    const { ping } = await startPair(pair);
    await ping.stop();
    const losses: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const echoes = Ping.start(lab, 'a', b.address, 10);
      await echoes.firstReply();
      await lab.exec('a', ['sh', '-c', command(a.interfaceName)]);
      await pause(1000);
      losses.push((await echoes.stop()).lost);
      await pause(APART_MS - 1000);
    }
    report(what, `lost ${losses.join(', ')}`);
    expect(median(losses)).toBeLessThanOrEqual(20);
    expect((await a.status()).node.problems.join('\n')).toMatch(told);
    const rules = await lab.exec('a', ['ip', 'rule']);
    expect(rules).toContain('fwmark 0x57/0x7f');
  });

  it('IPv6 switched off and on: IPv4 goes on, and the problem lasts as long as it does', async () => {
    const pair = await pairForTest({ a: 'none', b: 'none' });
    const { lab, a, b } = pair;
    await a.configure([b.asPeer()]);
    // The lab gives its nodes IPv4 addresses.
    const rcFile = await readFile(a.rcFile, 'utf8');
    await writeFile(a.rcFile, rcFile.replace(`${a.address}/24`, `${a.address}/24", "fd77::1/64`), { mode: 0o600 });
    await lab.exec('a', ['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1']);
    const { ping } = await startPair(pair);
    await ping.stop();
    const problems = async () => (await a.status()).node.problems.join('\n');
    expect(await problems()).toMatch(/IPv6 is switched off for/);
    await lab.exec('a', ['sysctl', '-qw', `net.ipv6.conf.${a.interfaceName}.disable_ipv6=0`]);
    const addresses = () => lab.exec('a', ['ip', '-6', 'addr', 'show', 'dev', a.interfaceName]);
    const back = async () => ((await addresses()).includes('fd77::1/64') ? true : undefined);
    await poll(back, { what: 'the IPv6 address', timeoutMs: 10_000, intervalMs: 100 });
    expect(await problems()).not.toMatch(/IPv6/);
  });

  it('a fight is named, and ends', async () => {
    const pair = await fullTunnel();
    const { lab, a, b } = pair;
    const { ping } = await startPair(pair);
    await ping.stop();
    const undo = `for i in $(seq 40); do ip route del 10.99.0.0/16 dev ${a.interfaceName} 2>/dev/null; sleep 0.2; done`;
    await lab.exec('a', ['sh', '-c', undo]);
    expect((await a.status()).node.problems.join('\n')).toMatch(/another program on this machine undoes route 10\.99/);
    const echoes = Ping.start(lab, 'a', b.address, 10);
    await echoes.firstReply();
    await echoes.stop();
  });
});
