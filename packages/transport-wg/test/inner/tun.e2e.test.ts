import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endBoth, hasProgram, newEnds, NodeProcess, reasonToSkip, type TwoNamespaces } from './namespaces.js';

const reason = reasonToSkip();
if (reason) console.log(`skipped: TUN device in network namespaces: ${reason}`);

describe.skipIf(reason)('a TUN device, in two network namespaces', () => {
  let lab: TwoNamespaces;
  let a: NodeProcess;
  let b: NodeProcess;
  // Namespaces share the folder of the UAPI sockets, so names differ.
  const ifA = `wpa${process.pid % 100_000}`;
  const ifB = `wpb${process.pid % 100_000}`;

  beforeEach(() => {
    ({ lab, a, b } = newEnds());
  });

  afterEach(() => endBoth({ lab, a, b }, [ifA, ifB]));

  const startA = (options: { allowedIps?: string[]; transport?: object; endpoint?: [string, number] } = {}) =>
    a.start(lab.a, {
      interfaceName: ifA,
      address: '10.77.0.1/24',
      options: { listenPort: 51820, ...options.transport },
      peers: [
        {
          publicKey: b.publicKey,
          allowedIps: options.allowedIps ?? ['10.77.0.2/32', '10.88.0.0/16'],
          endpoint: options.endpoint ?? ['10.1.0.2', 51821],
        },
      ],
    });
  const startB = () =>
    b.start(lab.b, {
      interfaceName: ifB,
      address: '10.77.0.2/24',
      options: { listenPort: 51821 },
      peers: [{ publicKey: a.publicKey, allowedIps: ['10.77.0.1/32'], endpoint: ['10.1.0.1', 51820] }],
    });
  const bothStarted = () => Promise.all([a.event('started'), b.event('started')]);
  const routes = (table = 'main') => lab.in(lab.a, 'ip', 'route', 'show', 'dev', ifA, 'table', table);
  const rules = () => lab.in(lab.a, 'sh', '-c', 'ip -4 rule; ip -6 rule');

  it('carries pings, and leaves nothing behind', async () => {
    const before = rules();
    startA();
    startB();
    await bothStarted();
    expect(lab.pings(lab.a, '10.77.0.2')).toBe(true);
    expect(lab.pings(lab.b, '10.77.0.1')).toBe(true);
    const link = lab.in(lab.a, 'ip', 'address', 'show', 'dev', ifA);
    expect(link).toContain('mtu 1420');
    expect(link).toContain('inet 10.77.0.1/24');
    expect(routes()).toContain('10.88.0.0/16');
    expect(rules()).toBe(before);
    const [tookMs] = await Promise.all([a.stop(), b.stop()]);
    expect(tookMs).toBeLessThan(2000);
    expect(a.events.at(-1)).toMatchObject({ event: 'exit', code: 0 });
    expect(lab.in(lab.a, 'ip', 'link')).not.toContain(ifA);
    expect(rules()).toBe(before);
  });

  it.skipIf(!hasProgram('wg'))('is seen by `wg show`, and changed by `wg set`', async () => {
    startA();
    startB();
    await bothStarted();
    lab.pings(lab.a, '10.77.0.2');
    const dump = lab
      .in(lab.a, 'wg', 'show', ifA, 'dump')
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    expect(dump[0]!.slice(1, 3)).toEqual([a.publicKey, '51820']);
    expect(dump[1]!.slice(0, 4)).toEqual([b.publicKey, '(none)', '10.1.0.2:51821', '10.77.0.2/32,10.88.0.0/16']);
    expect(Math.abs(Number(dump[1]![4]) - Date.now() / 1000)).toBeLessThan(30);
    lab.in(lab.a, 'wg', 'set', ifA, 'peer', b.publicKey, 'allowed-ips', '10.77.0.2/32,10.99.0.0/16');
    await expect.poll(() => routes()).toContain('10.99.0.0/16');
    await expect.poll(() => routes()).not.toContain('10.88.0.0/16');
  });

  it('routes follow the allowed IPs', async () => {
    startA();
    await a.event('started');
    a.tell('setAllowedIps', { publicKey: b.publicKey, cidrs: ['10.99.0.0/16', 'fd77::/64'] });
    await expect.poll(() => routes()).toContain('10.99.0.0/16');
    await expect.poll(() => routes()).not.toContain('10.88.0.0/16');
    expect(lab.in(lab.a, 'ip', '-6', 'route', 'show', 'dev', ifA)).toContain('fd77::/64');
  });

  it.each([
    ['0.0.0.0/0 as default route', ['0.0.0.0/0', '::/0']],
    ['a range that holds the peer\u2019s endpoint', ['10.1.0.0/28', '10.77.0.2/32', '192.0.2.0/24']],
  ])('%s: our own datagrams stay outside', async (_name, allowedIps) => {
    const before = rules();
    startA({ allowedIps });
    startB();
    await bothStarted();
    expect(lab.pings(lab.a, '10.77.0.2')).toBe(true);
    // Beyond the peer, through the tunnel: the LAN has no route there.
    expect(lab.pings(lab.a, '192.0.2.7')).toBe(true);
    expect(lab.in(lab.a, 'ip', 'route', 'get', '192.0.2.7')).toContain(ifA);
    // A LAN of our own is more specific than a default route, and less than a /28 of the peer's.
    expect(lab.in(lab.a, 'ip', 'route', 'get', '10.1.0.2')).toContain(allowedIps[0] === '0.0.0.0/0' ? 'eth0' : ifA);
    a.tell('counters');
    expect(await a.event('counters')).not.toHaveProperty(['counters', 'tun.loop']);
    await a.stop();
    expect(rules()).toBe(before);
  });

  it('an endpoint off the LAN is reached outside a tunnel that owns the default route', async () => {
    lab.in(lab.b, 'ip', 'address', 'add', '203.0.113.2/32', 'dev', 'lo');
    lab.in(lab.b, 'ip', 'route', 'replace', '10.1.0.0/24', 'dev', 'eth0', 'src', '203.0.113.2');
    // Strict reverse path filtering must not eat what comes back.
    lab.in(lab.a, 'sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.eth0.rp_filter=1');
    lab.in(lab.a, 'ip', 'route', 'add', 'default', 'via', '10.1.0.2');
    startA({ allowedIps: ['0.0.0.0/0'], endpoint: ['203.0.113.2', 51821] });
    startB();
    await bothStarted();
    expect(lab.pings(lab.a, '192.0.2.7')).toBe(true);
    expect(lab.in(lab.a, 'ip', 'route', 'get', '203.0.113.2')).toContain(ifA);
    // An extra socket, which the rules know by its mark alone: what it sends arrives, and not through the tunnel.
    const intoTunnel = () => lab.in(lab.a, 'cat', `/sys/class/net/${ifA}/statistics/tx_packets`);
    const before = intoTunnel();
    a.tell('sendTo', { endpoint: ['203.0.113.2', 51821] });
    const arrived = () => {
      b.tell('counters');
      return b.events.filter(({ event }) => event === 'counters').at(-1);
    };
    await expect.poll(arrived).toMatchObject({ counters: { 'wireguard.malformed': 1 } });
    expect(intoTunnel()).toBe(before);
    a.tell('counters');
    expect(await a.event('counters')).not.toHaveProperty(['counters', 'tun.loop']);
    // TCP of ours is marked before its SYN: nobody listens there, and the refusal comes from outside.
    lab.in(lab.a, 'sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.eth0.rp_filter=0');
    a.tell('dial', { endpoint: ['203.0.113.2', 7000] });
    expect(await a.event('dialled')).toMatchObject({ error: 'ECONNREFUSED' });
  });

  it('datagrams of ours that a rule of another program sends into the tunnel are known, whatever address they leave from', async () => {
    startA({ allowedIps: ['0.0.0.0/0'], endpoint: ['203.0.113.2', 51821] });
    await a.event('started');
    lab.in(lab.a, 'ip', 'route', 'add', '203.0.113.2', 'dev', ifA, 'src', '10.1.0.1', 'table', '99');
    lab.in(lab.a, 'ip', 'rule', 'add', 'pref', '1', 'to', '203.0.113.2', 'lookup', '99');
    lab.in(lab.a, 'sh', '-c', 'ping -c 1 -w 1 10.77.0.2 || true');
    const counted = () => {
      a.tell('counters');
      return a.events.filter(({ event }) => event === 'counters').at(-1);
    };
    await expect.poll(counted, { timeout: 5000 }).toHaveProperty(['counters', 'tun.loop']);
  });

  it('a range becomes policy-routed when an endpoint in it appears', async () => {
    startA({ allowedIps: ['10.77.0.2/32', '10.1.0.2/32'], endpoint: ['fd01::2', 51821] });
    startB();
    await bothStarted();
    expect(routes()).toContain('10.1.0.2');
    a.tell('sendTo', { endpoint: ['10.1.0.2', 51821] });
    await expect.poll(() => routes()).not.toContain('10.1.0.2');
    expect(rules()).toContain('to 10.1.0.2');
    expect(lab.pings(lab.a, '10.77.0.2')).toBe(true);
  });

  it('what a killed run left is removed by the next', async () => {
    const before = rules();
    startA({ allowedIps: ['0.0.0.0/0', '::/0'] });
    await a.event('started');
    const during = rules();
    expect(during).not.toBe(before);
    await a.kill();
    expect(rules()).toBe(during);
    const again = new NodeProcess();
    try {
      again.start(lab.a, { interfaceName: ifA, address: '10.77.0.1/24' });
      await again.event('started');
      expect(rules()).toBe(before);
    } finally {
      await again.kill();
    }
  });

  it('runs without the UAPI socket where a live process in another namespace has that name', async () => {
    startA();
    await a.event('started');
    b.start(lab.b, { interfaceName: ifA, address: '10.77.0.2/24' });
    await b.event('started');
    expect(b.events).toContainEqual(
      expect.objectContaining({ level: 'warn', fields: { path: `/var/run/wireguard/${ifA}.sock` } }),
    );
    await b.stop();
    // Stopping it has not taken the other's socket away.
    expect(existsSync(`/var/run/wireguard/${ifA}.sock`)).toBe(true);
    await a.stop();
    expect(existsSync(`/var/run/wireguard/${ifA}.sock`)).toBe(false);
  });

  it('stops in the middle of starting', async () => {
    const before = rules();
    startA({ allowedIps: ['0.0.0.0/0'] });
    a.tell('stop');
    expect(await a.event('exit')).toMatchObject({ code: 0 });
    expect(lab.in(lab.a, 'ip', 'link')).not.toContain(ifA);
    expect(rules()).toBe(before);
  });

  it('binds its sockets to one interface where asked', async () => {
    startA({ transport: { bindInterface: 'eth0' } });
    await a.event('started');
    const sockets = lab
      .in(lab.a, 'ss', '-lun')
      .split('\n')
      .filter((line) => line.includes(':51820'));
    expect(sockets.length).toBeGreaterThan(0);
    expect(sockets.filter((line) => !line.includes('%eth0:51820'))).toEqual([]);
  });

  it('names an interface to bind to that does not exist', async () => {
    startA({ transport: { bindInterface: 'nowhere0' } });
    expect(await a.event('failed')).toMatchObject({
      code: 'INTERFACE_NOT_FOUND',
      message: expect.stringContaining('nowhere0'),
    });
    expect(await a.event('exit')).toMatchObject({ code: 0 });
  });

  it('refuses the name of an interface that exists', async () => {
    lab.in(lab.a, 'ip', 'tuntap', 'add', 'mode', 'tun', 'name', ifA);
    startA();
    expect(await a.event('failed')).toMatchObject({
      code: 'INTERFACE_IN_USE',
      message: expect.stringContaining(ifA),
    });
    expect(await a.event('exit')).toMatchObject({ code: 0 });
    expect(lab.in(lab.a, 'ip', 'link')).toContain(ifA);
  });

  it('makes the interface anew when somebody deletes it, with all that was on it, and the session lives on', async () => {
    startA({ allowedIps: ['10.77.0.2/32', '10.88.0.0/16', '192.0.2.0/24'] });
    startB();
    await bothStarted();
    expect(lab.pings(lab.a, '10.77.0.2')).toBe(true);
    lab.in(lab.a, 'ip', 'link', 'del', ifA);
    expect(lab.pings(lab.a, '192.0.2.7')).toBe(true);
    expect(routes()).toContain('10.88.0.0/16');
    await expect.poll(() => a.events.find(({ level }) => level === 'error')?.message).toMatch(/made anew/);
    a.tell('problems');
    expect(await a.event('problems')).toMatchObject({ problems: [expect.stringContaining('put back')] });
    await a.stop();
    expect(a.events.at(-1)).toMatchObject({ event: 'exit', code: 0 });
    expect(lab.in(lab.a, 'ip', 'link')).not.toContain(ifA);
  });

  const withoutNetAdmin = ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'];
  it.skipIf(!hasProgram('setpriv'))('says what is missing without the right to open a device', async () => {
    a.start(lab.a, { interfaceName: ifA, address: '10.77.0.1/24' }, withoutNetAdmin);
    const failed = await a.event('failed');
    expect(failed).toMatchObject({
      code: 'PERMISSION_DENIED',
      advice: expect.stringMatching(/root.*CAP_NET_ADMIN.*tun: false/s),
    });
    expect(await a.event('exit')).toMatchObject({ code: 0 });
  });

  it.skipIf(!hasProgram('setpriv'))('needs no right without a device', async () => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    a.start(lab.a, { interfaceName: ifA, address: '10.77.0.1/24', options: { tun: false } }, nobody);
    await a.event('started');
    await a.stop();
    expect(a.events.at(-1)).toMatchObject({ event: 'exit', code: 0 });
  });
});
