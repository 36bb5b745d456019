import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { connectionOf, Ping, SERVER_ADDRESSES, WirepathNode } from '../src/index.js';
import { SERVER_ADDRESSES6 } from '../src/network/plan.js';
import { wirepath } from '../src/wirepath/command.js';
import { RELAY_USER } from '../src/wirepath/rc-file.js';
import { describeInLab, labForTest, report, seconds } from './lab-for-test.js';

const [SERVER] = SERVER_ADDRESSES;
const [SERVER6] = SERVER_ADDRESSES6;

/** A has IPv6 alone, B, behind two NATs, IPv4 alone; servers of both families, whose relayed addresses are to be IPv4. */
async function onePairOfEach(query: string) {
  const lab = await labForTest({ a: 'portcone', b: 'cgnat' }, { ipv6: true });
  for (const what of ['address', 'route']) await lab.exec('a', ['ip', '-4', what, 'flush', 'dev', 'eth0']);
  const both = (port: number) => [`${SERVER}:${port}`, `[${SERVER6}]:${port}`];
  const users = { [RELAY_USER.username]: RELAY_USER.credential };
  const server = { rendezvous: { listen: both(7000) }, turn: { listen: both(3478), realm: 'lab', users } };
  const file = join(lab.folder, 'server.json');
  await writeFile(file, JSON.stringify({ server }), { mode: 0o600 });
  await lab.spawn('srv', 'server', wirepath('serve', '--config', file)).logged(/server is up/);
  const node = (host: string, number: number, ip: string) => {
    const rc = { rendezvousUrl: `ws://${ip}:7000`, relayUrls: [`turn:${ip}:3478${query}`], relayFamily: 4 as const };
    return new WirepathNode(lab, host, { number, rc });
  };
  const [a, b] = [node('a', 1, `[${SERVER6}]`), node('b', 2, SERVER)];
  await a.configure([b.asPeer()]);
  await b.configure([a.asPeer()]);
  return { lab, a, b };
}

describeInLab('a node with IPv6 alone', () => {
  it.each(['', '?transport=tcp'])(
    'reaches one with IPv4 alone through the relay, which has both: turn:...%s',
    async (query) => {
      const { lab, a, b } = await onePairOfEach(query);
      await b.start().logged(/rendezvous up/);
      const { startedAtMs } = a.start();
      const { atMs } = await a.untilConnected('relayed');
      report(`turn:...${query}, connected after`, seconds(atMs - startedAtMs));
      const ping = Ping.start(lab, 'a', b.address);
      await ping.firstReply();
      await delay(1000);
      expect((await ping.stop()).lost).toBe(0);
      const [ofA, ofB] = [await a.status(), await b.status()];
      expect([connectionOf(ofA), connectionOf(ofB)]).toEqual(['relayed', 'relayed']);
      expect(ofA.relays).toMatchObject([
        { state: 'up', relayedAddress: expect.stringMatching(`^${SERVER}:`) as string },
      ]);
    },
  );
});
