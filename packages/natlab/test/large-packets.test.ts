import { expect, it } from 'vitest';
import { startPair } from '../src/index.js';
import { describeInLab, pairForTest } from './lab-for-test.js';

/** The home's router has links of 1280 bytes and tells nobody, as lines with PPPoE in a tunnel behind a strict firewall do. */
const SILENT = `table ip silent {
  chain out { type filter hook output priority 0; icmp type destination-unreachable drop; }
}
`;

describeInLab('a link that takes 1280 bytes, and drops the ICMP that would say so', () => {
  it.each([
    ['from behind it', 'a'],
    ['from the other side', 'b'],
  ] as const)('large packets arrive %s', async (_, from) => {
    const pair = await pairForTest({ a: 'portcone', b: 'none' });
    const { lab, a, b } = pair;
    // By routes: the ends of a virtual cable drop what is larger than their own MTU, before anybody could take it apart.
    const routes = (await lab.exec('a-gw', ['ip', '-4', 'route'])).trim().split('\n');
    for (const route of routes)
      await lab.exec('a-gw', ['ip', 'route', 'change', ...route.trim().split(/\s+/), 'mtu', 'lock', '1280']);
    await lab.exec('a-gw', ['nft', '-f', '-'], { input: SILENT });
    const { ping } = await startPair(pair);
    await ping.stop();
    const to = from === 'a' ? b.address : a.address;
    const { stdout } = await lab.tryExec(from, ['ping', '-n', '-c', '10', '-i', '0.2', '-W', '1', '-s', '1380', to]);
    expect(stdout).toContain('10 packets transmitted, 10 received');
  });
});
