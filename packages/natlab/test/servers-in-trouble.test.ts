import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { startPair, WirepathServer, type PreparedPair } from '../src/index.js';
import { describeInLab, pairForTest, report, seconds } from './lab-for-test.js';

/** Nobody is there; the lab's internet answers nothing for it. */
const DEAD_STUN = '203.0.113.99:3478';
const DEAD_RELAY = 'turn:203.0.113.99:3478';
const LIVING_STUN = WirepathServer.stunServer;
/** Far above what it takes on a machine that has time. */
const ECHO_LIMIT_SECONDS = 15;

async function rewrite(file: string, ...replacements: readonly (readonly [string, string])[]): Promise<void> {
  let text = await readFile(file, 'utf8');
  for (const [from, to] of replacements) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  await writeFile(file, text, { mode: 0o600 });
}

/** The lines that tell a person what is wrong: in `status`, and as warnings in the log. */
async function complaints({ a }: PreparedPair): Promise<{ status: string; log: string }> {
  const status = await a.run('status');
  const warnings = a.daemon
    .log()
    .split('\n')
    .filter((line) => /"level":"?(warn|40)/.test(line) || /WARN/.test(line));
  return { status, log: warnings.join('\n') };
}

describeInLab('with servers in trouble, what can connect still does:', () => {
  it('a dead STUN server beside a living one delays nobody', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'portcone', stun: true, relay: true });
    await rewrite(pair.a.rcFile, [`["${LIVING_STUN}"]`, `["${DEAD_STUN}", "${LIVING_STUN}"]`]);
    const { echoSeconds } = await startPair(pair);
    report('first echo', seconds(echoSeconds * 1000));
    expect(echoSeconds).toBeLessThan(ECHO_LIMIT_SECONDS);
    await pair.a.untilConnected('hole-punched');
    const status = await pair.a.until('the dead server', ({ node: { problems } }) =>
      problems.some((line) => line.includes('.99')),
    );
    expect(status.node.problems.filter((line) => line.includes(DEAD_STUN))).toHaveLength(1);
  });

  it('with dead STUN servers alone, the relay still connects, and tells the mapped address', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'portcone', stun: true, relay: true });
    await rewrite(pair.a.rcFile, [`["${LIVING_STUN}"]`, `["${DEAD_STUN}"]`]);
    const { echoSeconds } = await startPair(pair);
    expect(echoSeconds).toBeLessThan(ECHO_LIMIT_SECONDS);
    await pair.a.untilConnected('hole-punched');
    const status = await pair.a.until('the dead server', ({ node: { problems } }) => problems.length > 0);
    expect(status.node.problems.join('\n')).toContain(DEAD_STUN);
  });

  it('a wrong TURN password is named, and the direct path does not need it', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'portcone', stun: true, relay: true });
    await rewrite(pair.a.rcFile, ['"secret"', '"wrong"']);
    await startPair(pair);
    await pair.a.untilConnected('hole-punched');
    const status = await pair.a.until('the refused relay', ({ relays }) => relays.some(({ error }) => error !== null));
    expect(status.relays[0]).toMatchObject({ state: 'down', error: expect.stringMatching(/401|password|credential/i) });
    const { status: text, log } = await complaints(pair);
    expect(text).toMatch(/401|password|credential/i);
    expect(log).toMatch(/relay not usable/);
    expect(text + log).not.toContain('wrong"');
  });

  it('a relay that is full is named, and the other side’s allocation is enough', async () => {
    const pair = await pairForTest({ a: 'sym', b: 'sym', stun: true, relay: true });
    // One allocation is all there is: B has it, and A gets to B through it.
    await rewrite(pair.server.rcFile, ['"realm": "lab"', '"maxAllocations": 1, "realm": "lab"']);
    await startPair(pair);
    await pair.a.untilConnected('relayed');
    const status = await pair.a.until('the full relay', ({ relays }) => relays.some(({ error }) => error !== null));
    expect(status.relays[0]).toMatchObject({ state: 'down', error: expect.stringMatching(/486|quota|full/i) });
  });

  it('a dead relay is named, and one hop through the other side’s relay is enough', async () => {
    const pair = await pairForTest({ a: 'sym', b: 'sym', stun: true, relay: true });
    await rewrite(pair.a.rcFile, [WirepathServer.relayUrl, DEAD_RELAY]);
    const { echoSeconds } = await startPair(pair);
    expect(echoSeconds).toBeLessThan(ECHO_LIMIT_SECONDS);
    await pair.a.untilConnected('relayed');
    const status = await pair.a.until(
      'the dead relay',
      ({ relays }) => relays.some(({ error }) => error !== null),
      30_000,
    );
    expect(status.relays[0]).toMatchObject({ url: DEAD_RELAY, relayedAddress: null });
  });

  it('a relay that dies after the allocation is named', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'portcone', stun: true, relay: true });
    await rewrite(pair.a.rcFile, ['log:', 'traversal: { refreshInterval: 5s }\nlog:']);
    const { server } = await startPair(pair);
    await pair.a.untilConnected('hole-punched');
    await server.stop('SIGKILL');
    const status = await pair.a.until(
      'the lost relay',
      ({ relays }) => relays.some(({ state, error }) => state !== 'up' && error !== null),
      40_000,
    );
    expect(status.peers[0]?.connection).toBe('hole-punched');
  });
});
