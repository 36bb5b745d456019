import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { WirepathNode, type Lab } from '../src/index.js';
import { wirepath } from '../src/wirepath/command.js';
import { describeInLab, labForTest } from './lab-for-test.js';

const [FIRST, SECOND] = ['203.0.113.10', '203.0.113.11'];
const LATER = '203.0.113.77';
const SECOND6 = '2001:db8:113::11';

/** Sites behind a NAT that lets in only what answers; servers on the wildcard addresses of a machine that has several. */
async function serversOnWildcard({ ipv6 = true } = {}): Promise<Lab> {
  const lab = await labForTest({ a: 'portcone', b: 'portcone' }, { ipv6 });
  const listen = ['0.0.0.0:3478', '[::]:3478'];
  const file = join(lab.folder, 'server.json');
  const sections = {
    stun: { listen: '0.0.0.0:3478' },
    turn: { listen, realm: 'lab', users: { lab: 'secret' } },
    rendezvous: { listen: '0.0.0.0:7000' },
  };
  await writeFile(file, JSON.stringify({ server: sections }), { mode: 0o600 });
  await lab.spawn('srv', 'server', wirepath('serve', '--config', file)).logged(/server is up/);
  // IPv6 has no NAT here, so a firewall takes its place.
  const stateful = `
table ip6 stateful {
  chain input { type filter hook input priority 0; policy accept; meta l4proto udp ct state != established drop; }
}`;
  await lab.exec('a', ['nft', '-f', '-'], { input: stateful });
  return lab;
}

describeInLab(
  'servers on the wildcard address of a machine with several',
  () => {
    it('answer STUN at each of them, and at one that comes later', async () => {
      const lab = await serversOnWildcard();
      // This program never asks again.
      const ask = (ip: string) => lab.exec('a', ['turnutils_stunclient', '-p', '3478', ip], { timeoutMs: 15_000 });
      for (const ip of [FIRST, SECOND]) expect(await ask(ip)).toContain('UDP reflexive addr');
      expect(await ask(SECOND6)).toContain('UDP reflexive addr');
      await lab.exec('srv', ['ip', 'addr', 'add', `${LATER}/32`, 'dev', 'eth0']);
      expect(await ask(LATER)).toContain('UDP reflexive addr');
    });

    it.each([
      ['IPv4', SECOND, []],
      ['IPv6', SECOND6, ['-x']],
    ])('relay at the one that was asked, over %s', async (_family, ip, more) => {
      const lab = await serversOnWildcard();
      const options = ['-u', 'lab', '-w', 'secret', '-y', '-c', '-n', '10', '-z', '5', '-m', '1', ...more];
      const output = await lab.exec('a', ['turnutils_uclient', '-v', ...options, '-p', '3478', ip], {
        timeoutMs: 30_000,
      });
      expect(output).toContain('Total lost packets 0 (0.000000%)');
      expect(output).toContain(`relay addr: ${ip}`);
    });

    it('bring two nodes together by the one that these know', async () => {
      const lab = await serversOnWildcard({ ipv6: false });
      const rc = {
        rendezvousUrl: `ws://${SECOND}:7000`,
        stunServers: [`${SECOND}:3478`],
        relayUrls: [`turn:${SECOND}:3478`],
      };
      const [a, b] = (['a', 'b'] as const).map((host, i) => new WirepathNode(lab, host, { number: i + 1, rc }));
      if (a === undefined || b === undefined) throw new Error('two nodes');
      await a.configure([b.asPeer()]);
      await b.configure([a.asPeer()]);
      a.start();
      b.start();
      await a.untilConnected('hole-punched');
      const status = await a.until('a relay', ({ relays }) => relays[0]?.state === 'up');
      expect(status.relays[0]?.relayedAddress).toMatch(new RegExp(`^${SECOND.replaceAll('.', '\\.')}:`));
    });
  },
  ['turnutils_stunclient', 'turnutils_uclient'],
);
