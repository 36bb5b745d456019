import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Ping } from '../../src/index.js';
import { describeInLab, report, seconds } from '../lab-for-test.js';
import { DISTURBANCES, type Disturbance } from './disturbances.js';
import { Machine, OUTSIDE, OUTSIDE6 } from './machine.js';

/** How long it goes on; two hours are many rekeys. */
const MINUTES = Number(process.env['NATLAB_MACHINE_MINUTES'] ?? 5);
/** Of peace after each round; a round takes a minute. */
const PAUSE_MS = Math.min(MINUTES * 6000, 600_000);
const ROUND_MS = 60_000;
/** A disturbance lasts at least so long, and so long is there peace between two. */
const LASTS_MS = 2000;

interface Outcome {
  readonly name: string;
  /** From the end of the disturbance to the first echo through the tunnel that was asked for after it. */
  readonly backMs: number;
  readonly lost: number;
  readonly told: string;
}

describeInLab('a machine that sends everything through the tunnel, and what happens to it', () => {
  it(
    'comes back from each disturbance, says what is wrong, and sends nothing in the clear',
    async () => {
      const machine = await Machine.build();
      const { a, b, clear } = machine;
      const clearText = await machine.lab.tryExec('a', ['ping', '-n', '-c', '1', '-W', '1', OUTSIDE]);
      expect([clearText.code, await clear.packets()]).toEqual([0, 1]);
      await clear.reset();

      await bootWithoutNames(machine);
      const handshakes = new Set<number | null>();
      const until = Date.now() + MINUTES * 60_000;
      for (let round = 1; round === 1 || Date.now() + ROUND_MS < until; round += 1) {
        for (const disturbance of DISTURBANCES) {
          const { name, backMs, lost, told } = await disturb(machine, disturbance);
          handshakes.add((await a.status()).peers[0]?.lastHandshakeMs ?? null);
          report(name, `back after ${seconds(backMs)}, ${lost} echoes lost; ${told}`);
          expect(await clear.packets(), `in the clear: ${name}\n${await clear.listing()}`).toBe(0);
          await delay(LASTS_MS);
        }
        // A new session in the midst of it all.
        await b.stop('SIGKILL');
        b.start();
        await backAfter(machine, Date.now());
        await delay(Math.max(0, Math.min(PAUSE_MS, until - Date.now())));
      }
      report('handshakes seen', String(handshakes.size));
      await a.stop();
      expect(await clear.packets(), await clear.listing()).toBe(0);
    },
    (MINUTES + 5) * 60_000,
  );
});

/** Nobody answers for names at first; then they do. */
async function bootWithoutNames(machine: Machine): Promise<void> {
  const { a, b, names } = machine;
  await machine.serve();
  a.start();
  const told = await untilTold(machine, /servers\.lab/);
  await names.start();
  b.start();
  const backMs = await backAfter(machine, Date.now());
  report('no name server at boot', `up ${seconds(backMs)} after it was there; ${told}`);
}

async function disturb(machine: Machine, disturbance: Disturbance): Promise<Outcome> {
  const { name, problem, begin, meanwhile, end } = disturbance;
  const ping = Ping.start(machine.lab, 'a', OUTSIDE, 50);
  await ping.firstReply();
  await begin(machine);
  const told = problem === undefined ? 'nothing to tell' : await untilTold(machine, problem);
  if (end !== undefined) await delay(LASTS_MS);
  await meanwhile?.(machine);
  await end?.(machine);
  const backMs = await backAfter(machine, Date.now());
  const { lost } = await ping.stop();
  if (problem !== undefined && end !== undefined) await untilNotTold(machine, problem);
  return { name, backMs, lost, told };
}

/** @returns ms to echoes of the internet through B, of both families, that were asked for after a time. */
async function backAfter({ lab }: Machine, afterMs: number): Promise<number> {
  const times = [OUTSIDE, OUTSIDE6].map(async (address) => {
    const ping = Ping.start(lab, 'a', address, 50);
    const { receivedAtMs } = await ping.firstReply({ timeoutMs: 60_000 });
    await ping.stop();
    return receivedAtMs - afterMs;
  });
  return Math.max(...(await Promise.all(times)));
}

async function untilTold({ a }: Machine, problem: RegExp): Promise<string> {
  const find = (problems: readonly string[]) => problems.find((line) => problem.test(line));
  const { node } = await a.until(
    `a problem like ${String(problem)}`,
    (status) => find(status.node.problems) !== undefined,
  );
  return find(node.problems) ?? '';
}

async function untilNotTold({ a }: Machine, problem: RegExp): Promise<void> {
  const isOver = (problems: readonly string[]) => !problems.some((line) => problem.test(line));
  await a.until(`no more problem like ${String(problem)}`, ({ node }) => isOver(node.problems), 60_000);
}
