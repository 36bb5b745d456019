import { describe, expect, it } from 'vitest';
import { memoryLogger } from '../../../src/base/logging/memory-logger.js';
import { AddressSockets, MAX_ADDRESS_SOCKETS } from '../../../src/base/sockets/address-sockets.js';
import { localAddresses, type LocalAddress } from '../../../src/base/sockets/local-addresses.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';

function at(ip: string): LocalAddress {
  return { family: ip.includes(':') ? 6 : 4, ip, interfaceName: 'eth0' };
}

function setUp(...ips: string[]) {
  return setUpLingering(0, ...ips);
}

function setUpLingering(lingerMs: number, ...ips: string[]) {
  const clock = new FakeClock();
  const logger = memoryLogger();
  const world = { ips, refuse: new Map<string, Error>(), reads: 0, hint: (): void => undefined };
  const closed: string[] = [];
  const sockets = new AddressSockets<string>({
    clock,
    logger,
    trigger: (onHint) => {
      world.hint = onHint;
      return { [Symbol.dispose]: () => void (world.hint = () => undefined) };
    },
    read: () => {
      world.reads++;
      return world.ips.map(at);
    },
    open: ({ ip }) => {
      const error = world.refuse.get(ip);
      if (error !== undefined) throw error;
      return `socket of ${ip}`;
    },
    close: (socket) => closed.push(socket),
    lingerMs,
  });
  const open = () => sockets.sockets().map((text) => text.replace('socket of ', ''));
  return { clock, logger, world, sockets, closed, open };
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe('one socket for each address', () => {
  it('is open when start returns', async () => {
    const { sockets, open } = setUp('192.0.2.1', '192.0.2.2', '2001:db8::1');
    sockets.start();
    expect(open()).toEqual(['192.0.2.1', '192.0.2.2', '2001:db8::1']);
    expect(sockets.get('192.0.2.2')).toBe('socket of 192.0.2.2');
  });

  it('follows addresses that come and go, and leaves the others alone', async () => {
    const { sockets, world, clock, closed, open } = setUp('192.0.2.1', '192.0.2.2');
    sockets.start();
    world.ips = ['192.0.2.2', '192.0.2.3'];
    world.hint();
    await clock.advance(1000);
    expect(closed).toEqual(['socket of 192.0.2.1']);
    expect(open()).toEqual(['192.0.2.2', '192.0.2.3']);
  });

  it('is open at the first notification of its address', async () => {
    const { sockets, world, clock, open } = setUp('192.0.2.1');
    sockets.start();
    for (const ip of ['192.0.2.2', '192.0.2.3']) {
      await clock.advance(100);
      world.ips = [...world.ips, ip];
      world.hint();
      expect(open()).toEqual(world.ips);
      world.hint();
    }
  });

  it('is closed only when the notifications have settled: an address that is moved is away for a moment', async () => {
    const { sockets, world, clock, closed, open } = setUp('192.0.2.1', '192.0.2.2');
    sockets.start();
    await clock.advance(1000);
    world.ips = ['192.0.2.1', '192.0.2.3'];
    world.hint();
    expect(open()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    world.ips = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
    world.hint();
    await clock.advance(1000);
    expect(closed).toEqual([]);
  });

  it('is open at the second one, where the address cannot be bound to at the first', async () => {
    const { sockets, world, clock, open } = setUp('192.0.2.1');
    sockets.start();
    await clock.advance(100);
    world.ips = ['192.0.2.1', '192.0.2.2'];
    world.refuse.set('192.0.2.2', systemError('EADDRNOTAVAIL'));
    world.hint();
    world.refuse.clear();
    world.hint();
    expect(open()).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  it('costs four looks for one change of many notifications', async () => {
    const { sockets, world, clock } = setUp('192.0.2.1');
    sockets.start();
    await clock.advance(1000);
    world.reads = 0;
    for (let i = 0; i < 500; i++) world.hint();
    await clock.advance(1000);
    expect(world.reads).toBe(4);
    expect(clock.pendingTimers).toBe(0);
  });

  it('looks a few times a second, however restless the machine', async () => {
    const { sockets, world, clock } = setUp('192.0.2.1');
    sockets.start();
    await clock.advance(1000);
    world.reads = 0;
    for (let turn = 0; turn < 1000; turn++) {
      world.hint();
      await clock.advance(1);
    }
    expect(world.reads).toBeGreaterThan(3);
    expect(world.reads).toBeLessThanOrEqual(12);
  });

  it('asks again for an address that is tentative, a few times and at every change', async () => {
    const { sockets, world, clock, open } = setUp('2001:db8::1');
    world.refuse.set('2001:db8::1', systemError('EADDRNOTAVAIL'));
    sockets.start();
    await clock.advance(1500);
    expect(open()).toEqual([]);
    world.refuse.clear();
    await clock.advance(1000);
    expect(open()).toEqual(['2001:db8::1']);
    expect(clock.pendingTimers).toBe(0);

    world.ips = ['2001:db8::2'];
    world.refuse.set('2001:db8::2', systemError('EADDRNOTAVAIL'));
    world.hint();
    await clock.advance(60_000);
    expect(clock.pendingTimers).toBe(0);
    world.refuse.clear();
    world.hint();
    await clock.advance(1000);
    expect(open()).toEqual(['2001:db8::2']);
  });

  it('a tentative address is asked for as soon as the system says something, not when its turn comes', async () => {
    const { sockets, world, clock, open } = setUp('2001:db8::1');
    world.refuse.set('2001:db8::1', systemError('EADDRNOTAVAIL'));
    sockets.start();
    await clock.advance(500);
    world.refuse.clear();
    world.hint();
    expect(open()).toEqual(['2001:db8::1']);
    await clock.advance(2000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('are bounded in each family, and which are left out is told', async () => {
    const ips = Array.from({ length: MAX_ADDRESS_SOCKETS + 3 }, (_, i) => `10.0.0.${i + 1}`);
    const { sockets, world, clock, open } = setUp(...ips, '2001:db8::1');
    sockets.start();
    expect(open()).toHaveLength(MAX_ADDRESS_SOCKETS + 1);
    expect(sockets.problems(51820)).toEqual([expect.stringMatching(/67 IPv4 addresses.* 51820 .* 64/)]);
    world.ips = ips.slice(3);
    world.hint();
    await clock.advance(1000);
    expect(open()).toEqual(ips.slice(3));
    expect(sockets.problems(51820)).toEqual([]);
  });

  it('is given up where the system has no such sockets, and says so once', async () => {
    const { sockets, world, logger, clock, open } = setUp('192.0.2.1', '192.0.2.2');
    world.refuse.set('192.0.2.1', new Error('no system calls here'));
    sockets.start();
    world.hint();
    await clock.advance(10_000);
    expect(open()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
    expect(logger.lines.map(({ level }) => level)).toEqual(['debug']);
  });

  it('one that is refused for good stands in nobody’s way', async () => {
    const { sockets, world, logger, clock, open } = setUp('192.0.2.1', '192.0.2.2');
    world.refuse.set('192.0.2.1', systemError('EACCES'));
    sockets.start();
    await clock.advance(60_000);
    expect(open()).toEqual(['192.0.2.2']);
    expect(logger.lines).toHaveLength(1);
  });

  it('can outlive an address that is away for a moment', async () => {
    const { sockets, world, clock, closed, open } = setUpLingering(60_000, '192.0.2.1', '192.0.2.2');
    sockets.start();
    world.ips = ['192.0.2.1'];
    world.hint();
    await clock.advance(30_000);
    world.ips = ['192.0.2.1', '192.0.2.2'];
    world.hint();
    await clock.advance(90_000);
    expect(closed).toEqual([]);
    world.ips = ['192.0.2.1'];
    world.hint();
    await clock.advance(59_000);
    expect(closed).toEqual([]);
    await clock.advance(2000);
    expect(closed).toEqual(['socket of 192.0.2.2']);
    expect(open()).toEqual(['192.0.2.1']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('of addresses that are away make room for others', async () => {
    const ips = Array.from({ length: MAX_ADDRESS_SOCKETS }, (_, i) => `10.0.0.${i + 1}`);
    const { sockets, world, clock, closed } = setUpLingering(60_000, ...ips);
    sockets.start();
    world.ips = [...ips.slice(1), '10.0.1.1'];
    world.hint();
    await clock.advance(1000);
    expect(closed).toEqual(['socket of 10.0.0.1']);
    expect(sockets.problems(1)).toEqual([]);
    sockets.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  it('stop closes all for good', async () => {
    const { sockets, world, clock, closed } = setUp('192.0.2.1', '192.0.2.2');
    sockets.start();
    world.hint();
    sockets.stop();
    sockets.stop();
    sockets.start();
    expect(closed).toEqual(['socket of 192.0.2.1', 'socket of 192.0.2.2']);
    expect(clock.pendingTimers).toBe(0);
  });
});

it('the addresses of this machine have loopback among them, and nothing link-local of IPv6', async () => {
  const addresses = localAddresses();
  expect(addresses).toContainEqual({ family: 4, ip: '127.0.0.1', interfaceName: expect.any(String) });
  expect(addresses.filter(({ ip }) => ip.startsWith('fe80'))).toEqual([]);
});
