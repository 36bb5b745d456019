import { expect, it } from 'vitest';
import { Ping } from '../src/index.js';
import { wirepath } from '../src/wirepath/command.js';
import { KillSwitchLab, OUTSIDE, OUTSIDE6 } from './kill-switch-lab.js';
import { describeInLab, report } from './lab-for-test.js';

const RESTORED_RULES = ['32766 lookup main', '32767 lookup default'];

/** As a network manager does that takes all rules for its own. */
async function flushRules({ lab }: KillSwitchLab): Promise<void> {
  const commands = ['rule flush', ...RESTORED_RULES.map((rule) => `rule add pref ${rule}`)];
  await lab.exec('a', ['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

describeInLab('the kill switch', () => {
  it('lets nothing out in the clear: at start, while rules and device go, after a kill, at a restart; `down` lifts it', async () => {
    const it = await KillSwitchLab.create({ killSwitch: true });
    const { lab, a, b } = it;
    it.send('a', `${OUTSIDE}:9`, `${b.address}:9`);
    // The counters count: without a kill switch all of this leaves.
    expect((await it.seenDuring(async () => undefined)).clear4).toBeGreaterThan(10);

    await it.server.start();
    await it.startA();
    // It calls its peer, which is not there yet.
    let seen = await it.seenDuring(() => a.daemon.logged(/node is up/));
    expect(seen).toMatchObject({ clear4: 0, overlay: 0 });
    expect((await it.seen()).own).toBeGreaterThan(0);

    seen = await it.seenDuring(async () => {
      await b.start().logged(/node is up/);
      await it.throughTunnel();
    });
    expect(seen).toMatchObject({ clear4: 0, overlay: 0 });

    seen = await it.seenDuring(() => flushRules(it));
    expect(seen).toMatchObject({ clear4: 0, overlay: 0 });

    seen = await it.seenDuring(() => a.stop('SIGKILL'));
    expect(seen).toMatchObject({ clear4: 0, overlay: 0 });

    seen = await it.seenDuring(async () => {
      await it.startA();
      await it.throughTunnel();
    });
    expect(seen).toMatchObject({ clear4: 0, overlay: 0 });
    // It runs, so `down` leaves it alone.
    await expect(a.run('down')).rejects.toThrow('the node runs');

    seen = await it.seenDuring(async () => {
      await lab.exec('a', ['ip', 'link', 'del', a.interfaceName]);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await a.stop('SIGKILL');
    });
    expect(seen).toMatchObject({ clear4: 0, overlay: 0 });

    // As with an rc file that cannot be read any more.
    const down = wirepath('down', '--json', '--interface', a.interfaceName);
    const removed = JSON.parse(await lab.exec('a', down)) as { removed: string[] };
    expect(removed.removed).toContain(`the table wirepath-${a.interfaceName} of nftables`);
    expect((await it.seenDuring(async () => undefined)).clear4).toBeGreaterThan(10);
    expect(JSON.parse(await lab.exec('a', a.command('down', '--json')))).toMatchObject({ removed: [] });
  });

  it.each([
    { subMode: 'proxy', listenPort: 51820 },
    { subMode: 'native', listenPort: 51820 },
    { subMode: 'native', listenPort: 0 },
  ])('holds in front of a device of others, $subMode, port $listenPort', async ({ subMode, listenPort }) => {
    const it = await KillSwitchLab.create({ killSwitch: true, transport: { mode: 'uapi', subMode, listenPort } });
    const { lab, a, b } = it;
    it.send('a', `${OUTSIDE}:9`, `${b.address}:9`);
    expect((await it.seenDuring(async () => undefined)).clear4).toBeGreaterThan(10);

    // As at boot, when there is no device yet.
    await lab.exec('a', a.command('kill-switch'));
    const device = lab.spawn('a', 'wireguard-go', ['env', 'LOG_LEVEL=verbose', 'wireguard-go', '-f', a.interfaceName]);
    let seen = await it.seenDuring(async () => {
      await device.logged(/UAPI listener started/);
      await it.start();
    });
    expect(seen).toMatchObject({ clear4: 0, overlay: 0 });

    seen = await it.seenDuring(() => flushRules(it));
    expect(seen).toMatchObject({ clear4: 0, overlay: 0 });
    expect((await it.seen()).own).toBeGreaterThan(0);

    seen = await it.seenDuring(async () => {
      await a.stop('SIGKILL');
      await flushRules(it);
      await lab.exec('a', ['ip', 'link', 'set', a.interfaceName, 'down']);
    });
    expect(seen).toMatchObject({ clear4: 0, overlay: 0 });

    seen = await it.seenDuring(async () => {
      await it.startA();
      await it.throughTunnel();
    });
    expect(seen).toMatchObject({ clear4: 0, overlay: 0 });
    expect((await a.status()).node.dropped['kill-switch.dropped']).toBeGreaterThan(0);
    await a.stop();
    expect((await it.seenDuring(async () => undefined)).clear4).toBeGreaterThan(10);
    await device.stop();
  });

  it('lets what a device of others sends itself pass before the node runs, too', async () => {
    const it = await KillSwitchLab.create({ killSwitch: true, transport: { mode: 'uapi', subMode: 'native' } });
    await it.lab.exec('a', it.a.command('kill-switch'));
    expect(await it.rulesOfA()).toMatch(/udp sport 51820 .*accept/);
  });

  it('holds back what is passed on for others', async () => {
    const it = await KillSwitchLab.create({ killSwitch: true });
    const { lab, a } = it;
    await it.start();
    const client = Ping.start(lab, 'a2', OUTSIDE);
    await client.firstReply();
    const seen = await it.seenDuring(async () => {
      await flushRules(it);
      await a.stop('SIGKILL');
    });
    expect(seen).toMatchObject({ clear4: 0, overlay: 0 });
    await client.stop();
    const { stdout } = await lab.tryExec('a', ['nft', 'list', 'table', 'inet', `wirepath-${a.interfaceName}`]);
    expect(Number(/counter packets (\d+) .*drop comment "meant for the tunnel"/.exec(stdout)?.[1])).toBeGreaterThan(5);
  });

  it('restores itself when somebody flushes all rules, and says so', async () => {
    const it = await KillSwitchLab.create({ killSwitch: true });
    const { lab, a } = it;
    await it.start();
    it.send('a', `${OUTSIDE}:9`, `${OUTSIDE}:10`, `${OUTSIDE}:11`);
    await flushRules(it);
    const seen = await it.seenDuring(async () => {
      for (let i = 1; i <= 5; i++) {
        await lab.exec('a', ['nft', 'flush', 'ruleset']);
        await a.until('the restored kill switch', ({ node }) =>
          node.problems.some((text) => /nft .*our firewall rules/.test(text)),
        );
        expect(await it.rulesOfA()).toContain('meant for the tunnel');
      }
    });
    report('datagrams that left in the clear in five moments without rules, of about three a ms', String(seen.clear4));
    const { node } = await a.status();
    expect(node.problems.join('\n')).toMatch(/nft \(process \d+\) removes our firewall rules .* again and again/);
  });

  it('stays after a clean stop where it is `always`, and goes where it is not', async () => {
    const it = await KillSwitchLab.create({ killSwitch: { always: true, dns: ['203.0.113.11'] } });
    const { a, lab } = it;
    await it.server.start();
    a.start();
    await a.daemon.logged(/node is up/);
    it.send('a', `${OUTSIDE}:9`, `${OUTSIDE}:53`);
    expect(await it.seenDuring(() => a.stop())).toMatchObject({ clear4: 0, dns: 0 });
    expect(await it.rulesOfA()).toContain('meant for the tunnel');
    await lab.exec('a', a.command('down', '--json'));
    expect(await it.rulesOfA()).toBe('');
    // At boot it is loaded alone.
    expect(await lab.exec('a', a.command('kill-switch', '--json'))).toContain('"loaded": true');
    expect(await it.seenDuring(async () => undefined)).toMatchObject({ clear4: 0, dns: 0 });
  });

  it('with IPv4 alone in the tunnel shuts IPv6 and foreign DNS; neighbours, DHCP and the LAN pass', async () => {
    const it = await KillSwitchLab.create({ killSwitch: { dns: ['203.0.113.11'] }, ipv6: true });
    const { lab, a } = it;
    await it.start();
    const { gateway } = lab.host('a');
    it.send(
      'a',
      `${OUTSIDE}:9`,
      `[${OUTSIDE6}]:9`.replace(/[[\]]/g, ''),
      `${gateway}:53`,
      `${gateway}:9`,
      `68>${gateway}:67`,
    );
    const allowed = it.send('a', '203.0.113.11:53');
    const seen = await it.seenDuring(async () => {
      await lab.exec('a', ['ip', '-6', 'neighbor', 'flush', 'dev', 'eth0']);
      await lab.tryExec('a', ['ping', '-6', '-c', '1', '-W', '2', `fe80::1%eth0`]);
      await flushRules(it);
    });
    expect(seen).toMatchObject({ clear4: 0, clear6: 0 });
    expect(seen.dhcp).toBeGreaterThan(10);
    expect(seen.lan).toBeGreaterThan(10);
    expect(seen.neighbours).toBeGreaterThan(0);
    expect((await a.status()).node).toMatchObject({ dropped: { 'kill-switch.dns': expect.any(Number) as number } });
    // Without the tunnel the configured resolver is asked in the clear; the LAN's is not.
    await a.stop('SIGKILL');
    expect((await it.seenDuring(async () => undefined)).dns).toBeGreaterThan(10);
    await allowed.stop('SIGKILL');
    expect(await it.seenDuring(async () => undefined)).toMatchObject({ clear4: 0, clear6: 0, dns: 0 });
  });
});
