import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endBoth, hasProgram, newEnds, reasonToSkip, type NodeProcess, type TwoNamespaces } from './namespaces.js';
import { crossed, startTransfer, type Transfer } from './transfer.js';

const reason = reasonToSkip();
if (reason) console.log(`skipped: what befalls a tunnel under load, in network namespaces: ${reason}`);
const hasWg = hasProgram('wg');
if (!reason && !hasWg) console.log('skipped: `wg` on a tunnel under load: needs wg');

/** Longer than whatever befalls it. */
const UNDER_LOAD = '8s';
const NEVER_ENDS = '600s';
/** Of /proc/PID/stat, of which there are 100 in a second. */
const cpuTicks = (pid: number) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
};

describe.skipIf(reason)('a tunnel under load', () => {
  let lab: TwoNamespaces;
  let a: NodeProcess;
  let b: NodeProcess;
  let transfer: Transfer | undefined;
  const ifA = `wpl${process.pid % 100_000}`;
  const ifB = `wpm${process.pid % 100_000}`;

  beforeEach(() => {
    ({ lab, a, b } = newEnds());
  });

  afterEach(async () => {
    transfer?.kill();
    transfer = undefined;
    await endBoth({ lab, a, b }, [ifA, ifB]);
  });

  async function loaded(amount: `${number}s`, allowedIps = ['10.77.0.2/32']): Promise<Transfer> {
    const common = { options: { listenPort: 51820 } };
    a.start(lab.a, {
      ...common,
      interfaceName: ifA,
      address: '10.77.0.1/24',
      peers: [{ publicKey: b.publicKey, allowedIps, endpoint: ['10.1.0.2', 51820] }],
    });
    b.start(lab.b, {
      ...common,
      interfaceName: ifB,
      address: '10.77.0.2/24',
      peers: [{ publicKey: a.publicKey, allowedIps: ['10.77.0.1/32'], endpoint: ['10.1.0.1', 51820] }],
    });
    await Promise.all([a.event('started'), b.event('started')]);
    expect(lab.pings(lab.a, '10.77.0.2')).toBe(true);
    transfer = await startTransfer(lab, '10.77.0.2', amount, 2);
    await expect.poll(() => passed(), { timeout: 10_000 }).toBeGreaterThan(5_000_000);
    return transfer;
  }
  const passed = () => Number(lab.in(lab.b, 'cat', `/sys/class/net/${ifB}/statistics/tx_bytes`));

  async function allArrived(carried: Transfer): Promise<void> {
    const { sent, received } = crossed(await carried.ends);
    expect(received).toHaveLength(4);
    expect(received).toEqual(sent);
  }

  /** All that could be left in the system. */
  const traces = () => ({
    links: lab.in(lab.a, 'ip', '-o', 'link').replaceAll(/^\d+: /gm, ''),
    rules: lab.in(lab.a, 'sh', '-c', 'ip -4 rule; ip -6 rule'),
    // eth0's own come by themselves.
    routes: lab.in(lab.a, 'sh', '-c', "(ip route show table all; ip -6 route show table all) | grep -v 'dev eth0'"),
    sockets: lab.in(lab.a, 'ss', '-Hlun'),
    uapi: existsSync(`/var/run/wireguard/${ifA}.sock`),
  });

  it.each([
    ['stop()', 'stop', {}, 0],
    ['process.exit()', 'exit', { code: 7 }, 7],
    ['an exception that nobody catches', 'fail', { message: 'nobody catches this' }, 1],
  ])('leaves nothing when the process ends by %s', async (_, command, parameters, code) => {
    const before = traces();
    await loaded(NEVER_ENDS, ['0.0.0.0/0', '::/0']);
    expect(traces().rules).not.toBe(before.rules);
    expect(traces().uapi).toBe(true);
    a.tell(command, parameters);
    expect(await a.event('exit')).toMatchObject({ code, signal: null });
    expect(traces()).toEqual(before);
  });

  it('goes on when the interface is set down and up by others, and names it', async () => {
    const carried = await loaded(UNDER_LOAD);
    lab.in(lab.a, 'ip', 'link', 'set', ifA, 'down');
    await expect.poll(() => lab.in(lab.a, 'ip', 'link', 'show', ifA)).toMatch(/[<,]UP[,>]/);
    expect(await a.ask('problems')).toMatchObject({ problems: [expect.stringContaining(`the state "up" of ${ifA}`)] });
    // By who set it down.
    lab.in(lab.a, 'sh', '-c', `ip link set ${ifA} down; ip link set ${ifA} up`);
    const before = passed();
    await expect.poll(passed, { timeout: 10_000 }).toBeGreaterThan(before + 1_000_000);
    await allArrived(carried);
  });

  it('rests while the interface is kept down, and goes on afterwards', async () => {
    const carried = await loaded(UNDER_LOAD);
    // Until it is taken for a fight, and left alone for two seconds.
    await expect
      .poll(
        async () => {
          lab.in(lab.a, 'ip', 'link', 'set', ifA, 'down');
          const { problems } = await a.ask('problems');
          return String(problems);
        },
        { timeout: 10_000, interval: 100 },
      )
      .toMatch(/times/);
    const ticks = cpuTicks(a.pid);
    await delay(1000);
    // A tenth of a second of the one: it does not look at the device again and again.
    expect(cpuTicks(a.pid) - ticks).toBeLessThan(20);
    await allArrived(carried);
  });

  it('goes on when the interface is deleted by others', async () => {
    const carried = await loaded(UNDER_LOAD);
    lab.in(lab.a, 'ip', 'link', 'del', ifA);
    await expect.poll(() => a.events.find(({ level }) => level === 'error')?.message).toMatch(/made anew/);
    expect(await a.ask('problems')).toMatchObject({ problems: [expect.stringContaining('put back')] });
    await allArrived(carried);
    const ticks = cpuTicks(a.pid);
    await delay(1000);
    expect(cpuTicks(a.pid) - ticks).toBeLessThan(20);
  });

  it.skipIf(!hasWg)('goes on while `wg` shows and changes it', async () => {
    const carried = await loaded(UNDER_LOAD);
    const wg = (...args: string[]) => lab.in(lab.a, 'wg', ...args);
    const bytes = () => Number(wg('show', ifA, 'transfer').trim().split('\t')[1]);
    for (let round = 0; round < 10; round++) {
      const before = bytes();
      wg('set', ifA, 'peer', b.publicKey, 'allowed-ips', `10.77.0.2/32,10.${100 + round}.0.0/16`);
      expect(wg('show', ifA, 'allowed-ips')).toContain(`10.${100 + round}.0.0/16`);
      const conf = wg('showconf', ifA);
      lab.in(lab.a, 'sh', '-c', `printf '%s' '${conf}' | wg syncconf ${ifA} /dev/stdin`);
      expect(bytes()).toBeGreaterThan(before);
    }
    await allArrived(carried);
  });
});
