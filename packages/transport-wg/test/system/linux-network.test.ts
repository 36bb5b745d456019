import { describe, expect, it } from 'vitest';
import type { IpCommand, IpFailure } from '../../src/system/ip-command.js';
import { defaultMark, LinuxNetwork } from '../../src/system/linux-network.js';
import { recordingLogger } from '../embedded/support.js';

/** Remembers what it is told, fails what it is asked to fail. */
function fakeIp(options: { rules?: unknown[]; fail?: (command: string) => string | undefined } = {}) {
  const commands: string[] = [];
  const ip: IpCommand = {
    batch(family, lines) {
      const failures: IpFailure[] = [];
      for (const command of lines) {
        commands.push(family === 0 ? command : `-${family} ${command}`);
        const reason = options.fail?.(command);
        if (reason !== undefined) failures.push({ command, reason });
      }
      return Promise.resolve(failures);
    },
    query: (args) => Promise.resolve(args[0] === '-4' ? (options.rules ?? []) : []),
  };
  return { ip, commands, take: () => commands.splice(0) };
}

function network(fake: ReturnType<typeof fakeIp>) {
  const logger = recordingLogger();
  return { logger, network: new LinuxNetwork({ interfaceName: 'wp0', mark: 7, logger, ip: fake.ip }) };
}

const configuration = { addresses: ['10.77.0.1/24'], mtu: 1420, listenPort: 51820 };
/** Changes are applied in the next turn of the event loop. */
async function settled(subject: LinuxNetwork): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await subject.settled();
}

describe('the network of an interface', () => {
  it('gets addresses, MTU and what peers are known so far', async () => {
    const fake = fakeIp();
    const { network: subject } = network(fake);
    subject.setAllowedIps(['10.88.0.0/16']);
    await subject.configure(configuration);
    expect(fake.commands.filter((command) => !command.includes('addrgenmode'))).toEqual([
      'link set dev wp0 mtu 1420',
      'address replace 10.77.0.1/24 dev wp0',
      'link set dev wp0 up',
      'route add 10.88.0.0/16 dev wp0',
    ]);
  });

  it.each([
    ['10.77.0.1/24', 'RTNETLINK answers: Operation not permitted', 'PERMISSION_DENIED', /CAP_NET_ADMIN/],
    // What the kernel says where IPv6 is switched off: EACCES, which no right cures.
    ['fd00::1/64', 'RTNETLINK answers: Permission denied', 'NETWORK_CONFIG', /disable_ipv6=0/],
    ['10.77.0.1/24', 'RTNETLINK answers: Permission denied', 'PERMISSION_DENIED', /security module/],
  ])('says what refuses the address %s: %s', async (address, reason, code, advice) => {
    const fake = fakeIp({ fail: (command) => (command.startsWith('address') ? reason : undefined) });
    const { network: subject } = network(fake);
    await expect(subject.configure({ ...configuration, addresses: [address] })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(reason),
      advice: expect.stringMatching(advice),
    });
  });

  it('changes by differences, all of one turn at once', async () => {
    const fake = fakeIp();
    const { network: subject } = network(fake);
    subject.setAllowedIps(['10.1.0.0/16', '10.2.0.0/16']);
    await subject.configure(configuration);
    fake.take();
    subject.setAllowedIps(['10.3.0.0/16']);
    subject.setAllowedIps(['10.2.0.0/16', '10.4.0.0/16']);
    await settled(subject);
    expect(fake.take()).toEqual(['route add 10.4.0.0/16 dev wp0', 'route del 10.1.0.0/16 dev wp0']);
    subject.setAllowedIps(['10.4.0.0/16', '10.2.0.0/16', '10.2.0.0/16']);
    await settled(subject);
    expect(fake.take()).toEqual([]);
  });

  it('changes one route for one change, of a thousand ranges and ten thousand endpoints', async () => {
    const fake = fakeIp();
    const { network: subject } = network(fake);
    const range = (i: number) => `10.${100 + (i >> 8)}.${i & 255}.0/24`;
    for (let i = 0; i < 1000; i++) subject.setRouted(range(i), true);
    for (let i = 0; i < 10_000; i++) subject.addEndpoint(`198.18.${i >> 8}.${i & 255}`);
    await subject.configure(configuration);
    expect(fake.take().filter((command) => command.startsWith('route add'))).toHaveLength(1000);
    subject.setRouted(range(500), false);
    await settled(subject);
    expect(fake.take()).toEqual([`route del ${range(500)} dev wp0`]);
    subject.setRouted(range(500), true);
    subject.setRouted(range(501), false);
    subject.setRouted(range(501), true);
    await settled(subject);
    expect(fake.take()).toEqual([`route add ${range(500)} dev wp0`]);
    subject.addEndpoint('198.18.3.4');
    subject.addEndpoint('203.0.113.1');
    await settled(subject);
    expect(fake.take()).toEqual([]);
  });

  it('says of a thousand failures that there were a thousand', async () => {
    const fake = fakeIp({ fail: (command) => (command.startsWith('route') ? 'File exists' : undefined) });
    const { network: subject, logger } = network(fake);
    for (let i = 0; i < 1000; i++) subject.setRouted(`10.${100 + (i >> 8)}.${i & 255}.0/24`, true);
    await subject.configure(configuration);
    expect(logger.lines).toHaveLength(6);
    expect(logger.lines.at(-1)?.fields).toEqual({ count: 995 });
  });

  it('moves a range to the table of its own when an endpoint appears in it, rules first', async () => {
    const fake = fakeIp();
    const { network: subject } = network(fake);
    subject.setAllowedIps(['10.88.0.0/16']);
    await subject.configure(configuration);
    fake.take();
    subject.addEndpoint('192.0.2.1');
    subject.addEndpoint('10.88.3.4');
    await settled(subject);
    const commands = fake.take();
    expect(commands.at(0)).toBe('route add 10.88.0.0/16 dev wp0 table 7');
    expect(commands.at(-1)).toBe('route del 10.88.0.0/16 dev wp0');
    expect(commands.filter((command) => command.startsWith('-4 rule add'))).toHaveLength(5);
    await subject.close();
    expect(fake.take().filter((command) => command.startsWith('-4 rule del'))).toHaveLength(5);
    await subject.close();
    expect(fake.take()).toEqual([]);
  });

  it('removes what a killed run left in its block of rules, and leaves the block of another alone', async () => {
    const base = 10_000 + 300 * (await blockOf('wp0'));
    const own = fakeIp({
      rules: [{ priority: base, table: '7' }, { priority: base + 299 }, { priority: 32766, table: 'main' }],
    });
    await network(own).network.configure(configuration);
    expect(own.commands).toContain(`-4 rule del priority ${base}`);
    expect(own.commands).toContain(`-4 rule del priority ${base + 299}`);
    expect(own.commands.filter((command) => command.includes('rule del'))).toHaveLength(2);

    const foreign = fakeIp({ rules: [{ priority: base + 5, table: '8' }] });
    const { network: subject } = network(foreign);
    subject.setAllowedIps(['0.0.0.0/0']);
    await subject.configure(configuration);
    const priorities = foreign.commands
      .flatMap((command) => /rule .*priority (\d+)/.exec(command)?.[1] ?? [])
      .map(Number);
    expect(priorities.length).toBeGreaterThan(0);
    expect(priorities.filter((priority) => priority >= base && priority < base + 300)).toEqual([]);
  });

  it.each([
    ['RTNETLINK answers: Operation not permitted', 'PERMISSION_DENIED'],
    ['Error: any valid prefix is expected rather than "x".', 'NETWORK_CONFIG'],
  ])('fails with the command and the reason: %s', async (reason, code) => {
    const fake = fakeIp({ fail: (command) => (command.startsWith('address') ? reason : undefined) });
    await expect(network(fake).network.configure(configuration)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`address replace 10.77.0.1/24 dev wp0\`: ${reason}`),
    });
  });

  it('warns of a route that another interface has, and goes on', async () => {
    const fake = fakeIp({
      fail: (command) => (command.includes('10.1.0.0/16') ? 'RTNETLINK answers: File exists' : undefined),
    });
    const { network: subject, logger } = network(fake);
    subject.setAllowedIps(['10.1.0.0/16', '10.2.0.0/16']);
    await subject.configure(configuration);
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { command: 'ip route add 10.1.0.0/16 dev wp0' } }]);
    expect(fake.commands).toContain('route add 10.2.0.0/16 dev wp0');
  });

  it('names its table by the interface, the same in every run', () => {
    expect(defaultMark('wp0')).toBe(defaultMark('wp0'));
    expect(defaultMark('wp0')).not.toBe(defaultMark('wp1'));
  });
});

/** The block that a first run gets where no rules are. */
async function blockOf(interfaceName: string): Promise<number> {
  const fake = fakeIp();
  const subject = new LinuxNetwork({ interfaceName, mark: 7, logger: recordingLogger(), ip: fake.ip });
  subject.setAllowedIps(['0.0.0.0/0']);
  await subject.configure(configuration);
  const nop = fake.commands.find((command) => command.includes('nop'))!;
  return (Number(/priority (\d+)/.exec(nop)![1]) - 299 - 10_000) / 300;
}
