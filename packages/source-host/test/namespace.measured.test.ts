import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Namespace, namespacesUnavailable } from './netns/namespace.js';

const reason = namespacesUnavailable();
if (reason !== undefined) console.log(`source-host in a network namespace: skipped, ${reason}`);

let counter = 0;
let lan: Namespace;

// As a container sees the world: one veth without a device behind it, and no other link.
beforeEach(() => {
  if (reason !== undefined) return;
  lan = new Namespace(`shost-${process.pid}-${counter++}`);
  lan.create();
  lan.ip('link add eth0 type veth peer name far');
  lan.ip('link set eth0 up');
  lan.ip('link set far up');
  lan.ip('address add 198.51.100.2/24 dev eth0');
  lan.ip('address add 2001:db8::2/64 dev eth0 nodad');
  lan.ip('route add default via 198.51.100.1 metric 50');
  lan.ip('-6 route add default via 2001:db8::1');
});
afterEach(() => lan?.remove());

describe.skipIf(reason !== undefined)('in a network namespace', () => {
  it.skipIf(!existsSync('/dev/net/tun'))('regression: a mesh that owns the default route is looked past', async () => {
    const mesh = lan.start('mesh', 'corp0');
    expect(await mesh.until(({ length }) => length > 0, 10_000)).toBe(true);
    expect(mesh.events).toEqual([{ event: 'open' }]);
    lan.ip('link set corp0 up');
    lan.ip('address add 100.90.0.1/16 dev corp0');
    lan.ip('route add default dev corp0 metric 5');
    const eth0 = { interfaceName: 'eth0', evidence: 'route' };
    expect(lan.run('detect')).toEqual([
      { ...eth0, family: 4, ip: '198.51.100.2', metric: 50, gateway: '198.51.100.1' },
      { ...eth0, family: 6, ip: '2001:db8::2', metric: 1024, gateway: '2001:db8::1' },
    ]);
    expect(lan.run('gather')).toEqual(['2001:db8::2', '198.51.100.2']);
    // It was there to be taken: up, running, and with an address of global scope.
    expect(lan.run('interfaces')).toContain('corp0');

    lan.ip('link delete eth0');
    expect(lan.run('detect')).toEqual([{ interfaceName: 'corp0', family: 4, ip: '100.90.0.1', evidence: 'connect' }]);
    expect(lan.run('gather')).toEqual([]);
    expect(await mesh.finish()).toBe(0);
  });

  it('regression: every interface gives candidates, the egress first', () => {
    lan.ip('link add eth1 type veth peer name far1');
    lan.ip('link set far1 up');
    lan.ip('link set eth1 up');
    lan.ip('address add 10.5.0.2/24 dev eth1');
    lan.ip('address add 203.0.113.9/24 dev eth0 label eth0:1');
    expect(lan.run('gather')).toEqual(['2001:db8::2', '198.51.100.2', '203.0.113.9', '10.5.0.2']);
  });

  it('no default route: the link that is up', () => {
    lan.ip('route del default');
    lan.ip('-6 route del default');
    expect(lan.run('detect')).toMatchObject([
      { interfaceName: 'eth0', family: 4, evidence: 'interface' },
      { interfaceName: 'eth0', family: 6, evidence: 'interface' },
    ]);
  });

  it('no way out', () => {
    lan.ip('link delete eth0');
    expect(lan.run('detect')).toEqual([]);
  });

  it('tells of an address within 300 ms, and of candidates only when they changed', async () => {
    const child = lan.start('watch');
    expect(await child.until((events) => events.some(({ event }) => event === 'watching'), 10_000)).toBe(true);
    const times = (name: string) => child.events.filter(({ event }) => event === name).map(({ atMs }) => Number(atMs));

    const addedMs = Date.now();
    lan.ip('address add 198.51.100.77/24 dev eth0');
    expect(await child.until(() => times('candidates').length === 1, 3000)).toBe(true);
    const delayMs = times('candidates')[0]! - addedMs;
    console.log(`new address told after ${delayMs} ms`);
    expect(delayMs).toBeLessThan(300);

    lan.ip('route replace default via 198.51.100.254 metric 50');
    expect(await child.until(() => times('network').length === 2, 3000)).toBe(true);
    lan.ip('link set eth0 down');
    expect(await child.until(() => times('candidates').length === 2, 3000)).toBe(true);
    // A gateway is no candidate: its change was told to the watch of the network alone.
    expect(times('network').length).toBeGreaterThanOrEqual(3);

    expect(await child.finish()).toBe(0);
    expect(child.events.at(-1)).toEqual({ event: 'disposed', leaked: 0 });
    expect(child.events.filter(({ event }) => event === 'log')).toEqual([]);
  });

  it('does not tell of our own interface', async () => {
    const child = lan.start('watch');
    await child.until((events) => events.some(({ event }) => event === 'watching'), 10_000);
    lan.ip('link add wp0 type veth peer name wp0-peer');
    lan.ip('link set wp0-peer up');
    lan.ip('link set wp0 up');
    lan.ip('address add 10.77.0.1/24 dev wp0');
    lan.ip('route add default dev wp0 metric 1');
    // What is told afterwards proves that the watch saw the above and said nothing.
    await new Promise((resolve) => setTimeout(resolve, 500));
    lan.ip('address add 198.51.100.78/24 dev eth0');
    await child.until((events) => events.some(({ event }) => event === 'candidates'), 3000);
    expect(await child.finish()).toBe(0);
    expect(child.events.map(({ event }) => event)).toEqual(['watching', 'network', 'candidates', 'disposed']);
  });

  it('hears on after more happened than the kernel could tell', () => {
    expect(lan.run('overrun', 'eth0')).toEqual({ event: 'overrun', lost: true, calls: 1 });
  });

  it('a watch that nobody disposed of keeps no process alive', () => {
    const args = [
      'netns',
      'exec',
      lan.name,
      process.execPath,
      new URL('netns/child.mjs', import.meta.url).pathname,
      'forget',
    ];
    expect(() => execFileSync('ip', args, { timeout: 10_000, stdio: 'pipe' })).not.toThrow();
  });

  it('pins as root, changes the pin, and names an interface that is not there', () => {
    expect(lan.run('pin', 'eth0', 'nosuch0', 'far')).toEqual(['ok', 'INTERFACE_NOT_FOUND', 'ok']);
  });

  it('without rights a pin cannot be changed', () => {
    expect(lan.run('pin', 'unprivileged', 'eth0', 'far')).toEqual(['ok', 'PERMISSION_DENIED']);
  });

  it('a pinned socket hears its interface alone', () => {
    expect(lan.run('receive', '127.0.0.1', 'eth0', 'lo')).toEqual(['lo']);
  });

  it('a TCP socket is pinned before its first packet leaves', () => {
    expect(lan.run('connect', '198.51.100.2', 'eth0')).toBe('connect');
    expect(lan.run('connect', '198.51.100.2', 'lo')).toBe('timeout');
  });
});
