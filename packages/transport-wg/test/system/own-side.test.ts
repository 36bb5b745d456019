import { describe, expect, it } from 'vitest';
import { OWN_LINK } from './fake-kernel.js';
import { configuration, MAIN, networkOn, route, settled } from './support.js';

const RESTORED_MS = 60;

/** A node that routes everything, with both families. */
async function running(ranges: readonly string[] = ['10.88.0.0/16', '0.0.0.0/0', '::/0', 'fd88::/64']) {
  const parts = networkOn();
  parts.network.setAllowedIps(ranges);
  await parts.network.configure({ ...configuration, addresses: ['10.77.0.1/24', 'fd00::1/64'] });
  await parts.clock.advance(5000);
  parts.kernel.take();
  return { ...parts, whole: parts.kernel.texts().sort() };
}

describe('what somebody undoes is put back at once', () => {
  it('link down: it is up again, with the IPv6 addresses and routes that the kernel dropped', async () => {
    const { kernel, clock, network, whole } = await running();
    kernel.setLink(OWN_LINK, { up: false });
    kernel.flush(({ entry }) => entry.kind === 'route');
    kernel.tellLink();
    await clock.advance(RESTORED_MS);
    expect(kernel.links.get(OWN_LINK)?.up).toBe(true);
    expect(kernel.texts().sort()).toEqual(whole);
    expect(network.problems()).toEqual([expect.stringContaining('the state "up" of wp0')]);
    await clock.advance(200_000);
    expect(network.problems()).toEqual([]);
  });

  it.each([
    ['the addresses, and with them routes that the kernel does not tell of', 'address'],
    ['the rules', 'rule'],
    ['the routes of every table', 'route'],
  ] as const)('%s', async (_what, kind) => {
    const { kernel, clock, network, whole } = await running();
    const gone = kernel.flush(({ entry }) => entry.kind === kind || (kind === 'address' && entry.kind === 'route'));
    kernel.tellEntry(
      'DEL',
      gone.find((entry) => entry.kind === kind)!,
    );
    await clock.advance(RESTORED_MS);
    expect(kernel.texts().sort()).toEqual(whole);
    expect(network.problems()).toHaveLength(1);
    expect(network.problems()[0]).toContain('it was put back');
  });

  it('the MTU and the name', async () => {
    const { kernel, clock } = await running();
    kernel.setLink(OWN_LINK, { mtu: 9000, name: 'other' });
    kernel.tellLink();
    await clock.advance(RESTORED_MS);
    expect(kernel.links.get(OWN_LINK)).toMatchObject({ mtu: 1420, name: 'wp0' });
  });

  it('exceptions for our own datagrams come before the rules that lead into the tunnel', async () => {
    const { kernel, clock } = await running(['0.0.0.0/0']);
    const [gone] = kernel.flush(({ entry }) => entry.kind === 'rule');
    kernel.tellEntry('DEL', gone!);
    await clock.advance(RESTORED_MS);
    const rules = kernel.take().filter((command) => command.startsWith('add rule'));
    expect(rules).toHaveLength(5);
    expect(rules.slice(3).every((command) => command.includes('lookup'))).toBe(true);
  });

  it('also where the kernel’s messages were lost, or nothing was said at all', async () => {
    const { kernel, clock, whole } = await running();
    kernel.flush(({ entry }) => entry.kind === 'route');
    kernel.loseWatch();
    await clock.advance(RESTORED_MS);
    expect(kernel.texts().sort()).toEqual(whole);
    kernel.flush(({ entry }) => entry.kind === 'rule');
    await clock.advance(31_000);
    expect(kernel.texts().sort()).toEqual(whole);
  });

  it('the device itself: everything goes onto the new one', async () => {
    const { kernel, clock, network, whole } = await running();
    kernel.deleteLink(OWN_LINK);
    kernel.tellLink();
    await clock.advance(RESTORED_MS);
    expect(network.problems()[0]).toContain('is not in this network namespace');
    expect(network.deviceLost()).toBe(0);
    // Somebody else's of that name is not ours.
    kernel.addLink({ index: 30, name: 'wp0' });
    kernel.tellLink(30);
    await clock.advance(RESTORED_MS);
    expect(kernel.take()).toEqual([]);
    network.deviceRefused('it is taken');
    expect(network.problems()[0]).toContain('it is taken');
    kernel.deleteLink(30);
    kernel.addLink({ index: 31, name: 'wp0' });
    network.deviceMade();
    expect(kernel.texts(31).sort()).toEqual(whole);
    expect(network.problems()).toEqual([expect.stringContaining('the interface itself')]);
  });
});

describe('what is not ours', () => {
  it('is left alone: other addresses, routes and rules', async () => {
    const { kernel, clock, network } = await running();
    kernel.add(route('10.99.0.0/16'));
    kernel.tellEntry('NEW', route('10.99.0.0/16'));
    const { prefix } = route('10.78.0.1/32') as { prefix: { bytes: Uint8Array; prefix: number } };
    kernel.add({ kind: 'address', prefix, table: 0 });
    await clock.advance(40_000);
    expect(kernel.take()).toEqual([]);
    expect(network.problems()).toEqual([]);
  });

  it('costs nothing: a storm of routes of other interfaces is not looked at', async () => {
    const { kernel, clock } = await running();
    const { dumps } = kernel;
    for (let i = 0; i < 5000; i++) kernel.tellEntry('NEW', route(`10.${i >> 8}.${i & 255}.0/24`), { link: 2 });
    await clock.advance(1000);
    expect(kernel.dumps).toBe(dumps);
  });

  it('and our own changes are no news', async () => {
    const { kernel, clock } = await running();
    const { dumps } = kernel;
    kernel.tellEntry('NEW', route('10.88.0.0/16'), { portId: kernel.portId });
    await clock.advance(1000);
    expect(kernel.dumps).toBe(dumps);
  });

  it('a storm of changes of ours is answered twenty times a second at most', async () => {
    const { kernel, clock } = await running();
    const { dumps } = kernel;
    for (let i = 0; i < 1000; i++) {
      kernel.tellEntry('NEW', route('10.88.0.0/16'));
      await clock.advance(1);
    }
    expect((kernel.dumps - dumps) / 9).toBeLessThan(25);
  });
});

describe('a fight', () => {
  it('is named after the fifth time in ten seconds, goes slower and slower, and is over after a minute of peace', async () => {
    const { kernel, clock, network } = await running(['10.88.0.0/16']);
    const undo = async () => {
      const gone = kernel.flush(({ entry }) => entry.kind === 'route');
      for (const entry of gone) kernel.tellEntry('DEL', entry);
      await clock.advance(200);
      return gone.length;
    };
    let undone = 0;
    for (let i = 0; i < 100; i++) undone += await undo();
    // Five at once, then after 2, 4, 8 s.
    expect(undone).toBeLessThan(10);
    const [problem] = network.problems();
    expect(problem).toMatch(/another program on this machine undoes route 10\.88\.0\.0\/16 dev wp0 .*times/);
    expect(problem).toMatch(/next try in \d+ s/);
    await clock.advance(70_000);
    expect(kernel.texts()).toContain('route 10.88.0.0/16 dev wp0');
    await clock.advance(61_000);
    expect(network.problems()).toEqual([]);
  });
});

describe('a range that is another interface’s route', () => {
  it('is a problem that names it, no fight, and taken as soon as it is free', async () => {
    const { kernel, clock, network } = networkOn();
    kernel.add(route('10.88.0.0/16'), 2);
    network.setAllowedIps(['10.88.0.0/16', '10.89.0.0/16']);
    await network.configure(configuration);
    await clock.advance(30_000);
    expect(network.problems()).toEqual([
      expect.stringMatching(/the route 10\.88\.0\.0\/16 leads to eth0 already.*ip route del 10\.88\.0\.0\/16 dev eth0/),
    ]);
    kernel.flush(({ link }) => link === 2);
    kernel.tellEntry('DEL', route('10.88.0.0/16'), { link: 2 });
    await clock.advance(RESTORED_MS);
    expect(kernel.texts()).toContain('route 10.88.0.0/16 dev wp0');
    expect(network.problems()).toEqual([]);
  });

  it('also where it took our place while we ran, for which the kernel says only that it is new', async () => {
    const { kernel, clock, network } = await running(['10.88.0.0/16']);
    kernel.flush(({ entry }) => entry.kind === 'route');
    kernel.add(route('10.88.0.0/16'), 2);
    kernel.tellEntry('NEW', route('10.88.0.0/16'), { link: 2 });
    await clock.advance(RESTORED_MS);
    expect(network.problems()[0]).toContain('leads to eth0 already');
  });
});

describe('rules of others before ours', () => {
  it('are a problem where they leave us nothing', async () => {
    const { kernel, clock, network } = await running(['0.0.0.0/0']);
    const rule = { kind: 'rule', rule: { family: 4, priority: 100, action: { lookup: MAIN } } } as const;
    kernel.add(rule);
    kernel.tellEntry('NEW', rule);
    await clock.advance(RESTORED_MS);
    // Without a default route there it takes nothing from us.
    expect(network.problems()).toEqual([]);
    kernel.add(route('0.0.0.0/0'), 2);
    kernel.tellEntry('NEW', rule);
    await clock.advance(RESTORED_MS);
    expect(network.problems()).toEqual([
      expect.stringMatching(/comes before.*lookup main priority 100.*rule del priority 100/),
    ]);
  });
});

describe('IPv6', () => {
  it('switched off at start: the node runs with IPv4, says so, and takes IPv6 up when it comes', async () => {
    const { kernel, network, clock } = networkOn();
    kernel.setLink(OWN_LINK, { ipv6: 'off' });
    network.setAllowedIps(['10.88.0.0/16', 'fd88::/64']);
    await network.configure({ ...configuration, addresses: ['10.77.0.1/24', 'fd00::1/64'] });
    expect(kernel.texts()).toEqual(['address 10.77.0.1/24 dev wp0', 'route 10.88.0.0/16 dev wp0']);
    expect(network.problems()).toEqual([expect.stringMatching(/IPv6 is switched off for wp0.*disable_ipv6=0/)]);
    kernel.setLink(OWN_LINK, { ipv6: 'on' });
    await clock.advance(9000);
    expect(kernel.texts()).toContain('address fd00::1/64 dev wp0');
    expect(kernel.texts()).toContain('route fd88::/64 dev wp0');
    expect(network.problems()).toEqual([]);
  });

  it('switched off later is no fight', async () => {
    const { kernel, network, clock, whole } = await running();
    for (let i = 0; i < 6; i++) {
      kernel.setLink(OWN_LINK, { ipv6: 'off' });
      const gone = kernel.flush(({ entry }) => entry.kind !== 'rule' && entry.prefix.bytes.length === 16);
      kernel.tellEntry('DEL', gone[0]!);
      await clock.advance(500);
      expect(network.problems()).toEqual([expect.stringContaining('IPv6 is switched off for wp0')]);
      kernel.setLink(OWN_LINK, { ipv6: 'on' });
      kernel.tellLink();
      await clock.advance(500);
      expect(kernel.texts().sort()).toEqual(whole);
    }
    expect(network.problems()).toEqual([]);
  });

  it('that the kernel does not have, or not with this MTU, is told apart', async () => {
    const { kernel, network } = networkOn();
    kernel.setLink(OWN_LINK, { ipv6: 'absent' });
    await network.configure({ ...configuration, mtu: 1200, addresses: ['10.77.0.1/24', 'fd00::1/64'] });
    expect(network.problems()).toEqual([expect.stringContaining('IPv6 needs 1280')]);
    const other = networkOn();
    other.kernel.setLink(OWN_LINK, { ipv6: 'absent' });
    await other.network.configure({ ...configuration, addresses: ['10.77.0.1/24', 'fd00::1/64'] });
    expect(other.network.problems()).toEqual([expect.stringContaining('this system has no IPv6')]);
  });

  it('ends a node that has no other addresses, with the cure', async () => {
    const { kernel, network } = networkOn();
    kernel.setLink(OWN_LINK, { ipv6: 'off' });
    await expect(network.configure({ ...configuration, addresses: ['fd00::1/64'] })).rejects.toMatchObject({
      code: 'NETWORK_CONFIG',
      advice: expect.stringContaining('disable_ipv6=0'),
    });
  });
});

describe('many ranges', () => {
  it('that are flushed are put back, in some goes', async () => {
    const { kernel, clock, network } = networkOn();
    for (let i = 0; i < 2000; i++) network.setRouted(`10.${100 + (i >> 8)}.${i & 255}.0/24`, true);
    await network.configure(configuration);
    await settled(network);
    const [gone] = kernel.flush(({ entry }) => entry.kind === 'route');
    kernel.tellEntry('DEL', gone!);
    await clock.advance(500);
    expect(kernel.texts()).toHaveLength(2001);
  });
});
