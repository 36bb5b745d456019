import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { connectionOf, Ping, type PreparedPair, startPair } from '../src/index.js';
import { describeInLab, pairForTest, report, seconds } from './lab-for-test.js';

const RESTARTS = 50;

const stateFolder = ({ lab }: PreparedPair) => join(lab.folder, 'state', 'wirepath');

/** Connected by the servers, which are dead from then on; both nodes have ended too. */
async function bereft(pair: PreparedPair): Promise<void> {
  const { a, b } = pair;
  const { ping, server } = await startPair(pair);
  await ping.stop();
  await Promise.all([a, b].map((node) => node.untilConnected('hole-punched')));
  await server.stop('SIGKILL');
  await Promise.all([a, b].map((node) => node.stop()));
}

/** Starts both. @returns ms from the second start to the first echo. */
async function reconnect({ lab, a, b }: PreparedPair): Promise<number> {
  b.start();
  const ping = Ping.start(lab, 'a', b.address, 10);
  const { startedAtMs } = a.start();
  const reply = await ping.firstReply({ timeoutMs: 20_000 });
  await ping.stop();
  return Math.round(reply.receivedAtMs - startedAtMs);
}

describeInLab('two nodes behind NATs that keep ports, every server dead', () => {
  it(`find each other in ${RESTARTS} of ${RESTARTS} restarts of both`, async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'portcone', stun: true });
    await bereft(pair);
    const files = await readdir(stateFolder(pair));
    expect(files).toHaveLength(2);
    for (const file of files) expect((await stat(join(stateFolder(pair), file))).mode & 0o777).toBe(0o600);
    const durations: number[] = [];
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      durations.push(await reconnect(pair));
      expect(connectionOf(await pair.a.status())).toBe('hole-punched');
      // Every other time as by a crash, and with NATs that were restarted too.
      const isCrash = restart % 2 === 1;
      await Promise.all([pair.a, pair.b].map((node) => node.stop(isCrash ? 'SIGKILL' : 'SIGTERM')));
      if (isCrash) await Promise.all(['a', 'b'].map((site) => pair.lab.forgetMappings(site)));
    }
    const sorted = [...durations].sort((x, y) => x - y);
    const at = (part: number) => seconds(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN);
    report(
      'from the second start to the first echo',
      `median ${at(0.5)}, worst ${at(1)}; all: ${durations.join(' ')} ms`,
    );
    expect(durations).toHaveLength(RESTARTS);
  }, 600_000);

  it('find each other where any port will do, for each takes the one that it had', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'portcone', stun: true, rc: { listenPort: 0 } });
    await bereft(pair);
    report('from the second start to the first echo', seconds(await reconnect(pair)));
    expect(connectionOf(await pair.b.status())).toBe('hole-punched');
    // No server told it to anybody: it is where the peer was heard from.
    const { remoteCandidates } = await pair.a.explain('b');
    const { publicAddress } = pair.lab.site('b');
    expect(remoteCandidates.map(({ type, address }) => `${type} ${address.split(':')[0] ?? ''}`)).toContain(
      `server-reflexive ${publicAddress}`,
    );
  }, 120_000);

  it('find each other where one starts much later', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'portcone', stun: true });
    await bereft(pair);
    pair.b.start();
    await pair.b.untilConnected('unreachable', { timeoutMs: 30_000 });
    const ping = Ping.start(pair.lab, 'a', pair.b.address, 10);
    const { startedAtMs } = pair.a.start();
    const reply = await ping.firstReply({ timeoutMs: 30_000 });
    await ping.stop();
    report('from the second start to the first echo', seconds(reply.receivedAtMs - startedAtMs));
  }, 120_000);

  it('say so where the file is damaged, and start all the same', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'portcone', stun: true });
    await bereft(pair);
    for (const file of await readdir(stateFolder(pair))) {
      const path = join(stateFolder(pair), file);
      await writeFile(path, (await readFile(path, 'utf8')).slice(0, -9));
    }
    pair.a.start();
    const { node } = await pair.a.until('the problem', (status) => status.node.problems.length > 1);
    expect(node.problems.filter((line) => /is damaged/.test(line))).toHaveLength(1);
  }, 120_000);
});
