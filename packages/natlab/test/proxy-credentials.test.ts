import { expect, it } from 'vitest';
import { startPair, WirepathServer } from '../src/index.js';
import { CA_FILE, proxyOnly, SERVER_TLS } from './firewalled-site.js';
import { describeInLab, pairForTest, report } from './lab-for-test.js';

const USER = 'natlab';
/** tinyproxy takes letters and digits alone. */
const PASSWORD = 'passwordOfTheProxy';
const WRONG_PASSWORD = 'notTheOneOfTheProxy';

async function behindProxy(password: string) {
  const pair = await pairForTest({
    a: 'portcone',
    b: 'sym',
    relay: true,
    tls: SERVER_TLS,
    logLevel: 'debug',
    rc: {
      relayUrls: [WirepathServer.anyRelayUrl],
      caFile: CA_FILE,
      rendezvousUrl: WirepathServer.secureRendezvousUrl,
    },
  });
  const { lab, a, b } = pair;
  const proxy = new URL(await proxyOnly(lab, 'a', { credentials: `${USER} ${PASSWORD}` }));
  [proxy.username, proxy.password] = [USER, password];
  await a.configure([b.asPeer()], { proxy: proxy.href.replace(/\/$/, '') });
  /** All that A says to anybody. */
  const told = async () => {
    const asked = [['status'], ['status', '--json'], ['explain', 'b'], ['explain', 'b', '--json'], ['netcheck']];
    const answers = [];
    for (const [command = '', ...args] of asked) answers.push(await a.run(command, ...args).catch(String));
    return [a.daemon.log(), ...answers].join('\n');
  };
  return { ...pair, told };
}

/** The password in all the ways that it could be written. */
function waysOf(password: string): string[] {
  return [password, Buffer.from(password).toString('base64'), Buffer.from(`${USER}:${password}`).toString('base64')];
}

describeInLab(
  'an HTTP proxy that wants a user and a password, and nothing else is let out',
  () => {
    it('lets in who has the right ones', async () => {
      const pair = await behindProxy(PASSWORD);
      const { ping, echoSeconds } = await startPair(pair);
      report('first echo', `after ${echoSeconds.toFixed(2)} s`);
      expect((await ping.stop()).lost).toBe(0);
      const { relays, signaling } = await pair.a.status();
      expect(relays.filter(({ state }) => state === 'up')).toMatchObject([{ transport: 'tls' }]);
      expect(signaling).toMatchObject([{ state: 'up' }]);
      const told = await pair.told();
      for (const secret of waysOf(PASSWORD)) expect(told).not.toContain(secret);
    });

    it('refuses who has wrong ones, who is told what to do, and does not tell the password', async () => {
      const pair = await behindProxy(WRONG_PASSWORD);
      await pair.server.start();
      pair.a.start();
      const status = await pair.a.until('the refusal', ({ relays, signaling }) =>
        [...relays.filter(({ transport }) => transport === 'tls'), ...signaling].every(({ error }) => error !== null),
      );
      const refusal =
        /proxy http:\/\/10\.1\.0\.1:3128 does not take this user and password .*: correct them in its URL/;
      const lines = status.relays.filter(({ transport }) => transport === 'tls').map(({ error }) => error);
      report('the relay', lines.join(', '));
      report('problems', status.node.problems.join('\n    '));
      for (const line of lines) expect(line).toMatch(refusal);
      expect(status.signaling[0]?.error).toMatch(refusal);
      expect(status.node.problems.filter((line) => refusal.test(line)).length).toBeGreaterThan(0);
      const told = await pair.told();
      for (const secret of waysOf(WRONG_PASSWORD)) expect(told).not.toContain(secret);
    });
  },
  ['tinyproxy'],
);
