import { describe, expect, it } from 'vitest';
import { MARK, MARK_MASK, routingTable } from '../../src/system/firewall-mark.js';
import { FakeKernel } from './fake-kernel.js';
import { configuration, networkOn, route, settled } from './support.js';

const isRule = (command: string) => command.includes(' rule ');

describe('the network of an interface', () => {
  it('gets addresses, MTU and what peers are known so far', async () => {
    const { kernel, network } = networkOn();
    network.setAllowedIps(['10.88.0.0/16']);
    await network.configure(configuration);
    expect(kernel.take()).toEqual([
      'set link addrgenmode none',
      'set link mtu 1420',
      'set link up',
      'add address 10.77.0.1/24 dev wp0',
      'add route 10.88.0.0/16 dev wp0',
    ]);
    expect(network.problems()).toEqual([]);
  });

  it('leaves alone what a device has already, and takes back only what was added', async () => {
    const { kernel, network } = networkOn();
    kernel.setLink(7, { up: true, mtu: 1420, quiet: true });
    const { prefix } = route('10.77.0.1/32') as { prefix: { bytes: Uint8Array; prefix: number } };
    kernel.add({ kind: 'address', prefix: { ...prefix, prefix: 24 }, table: 0 });
    await network.configure({ ...configuration, addresses: ['10.77.0.1/24', '10.78.0.1/24'] });
    expect(kernel.take()).toEqual(['add address 10.78.0.1/24 dev wp0']);
    await network.close({ staysThere: true });
    expect(kernel.take()).toEqual(['del address 10.78.0.1/24 dev wp0']);
  });

  it.each([
    ['10.77.0.1/24', [1, 'EPERM'], 'PERMISSION_DENIED', /CAP_NET_ADMIN/],
    // What the kernel says where IPv6 is switched off: EACCES, which no right cures.
    ['fd00::1/64', [13, 'EACCES'], 'NETWORK_CONFIG', /disable_ipv6=0/],
    ['10.77.0.1/24', [13, 'EACCES'], 'PERMISSION_DENIED', /security module/],
    ['10.77.0.1/24', [22, 'EINVAL'], 'NETWORK_CONFIG', /./],
  ] as const)('says what refuses the address %s: %s', async (address, [errno, name], code, advice) => {
    const { kernel, network } = networkOn();
    kernel.refuse = (command) => (command.includes('address') ? [errno, name] : undefined);
    await expect(network.configure({ ...configuration, addresses: [address] })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`address ${address} dev wp0: refused: ${name}`),
      advice: expect.stringMatching(advice),
    });
  });

  it('fails where the interface is not there', async () => {
    const { kernel, network } = networkOn();
    kernel.deleteLink(7);
    await expect(network.configure(configuration)).rejects.toMatchObject({ code: 'INTERFACE_NOT_FOUND' });
  });

  it('changes by differences, all of one turn at once', async () => {
    const { kernel, network } = networkOn();
    network.setAllowedIps(['10.1.0.0/16', '10.2.0.0/16']);
    await network.configure(configuration);
    kernel.take();
    network.setAllowedIps(['10.3.0.0/16']);
    network.setAllowedIps(['10.2.0.0/16', '10.4.0.0/16']);
    await settled(network);
    expect(kernel.take()).toEqual(['add route 10.4.0.0/16 dev wp0', 'del route 10.1.0.0/16 dev wp0']);
    network.setAllowedIps(['10.4.0.0/16', '10.2.0.0/16', '10.2.0.0/16']);
    await settled(network);
    expect(kernel.take()).toEqual([]);
  });

  it('changes one route for one change, of a thousand ranges and ten thousand endpoints', async () => {
    const { kernel, network } = networkOn();
    const range = (i: number) => `10.${100 + (i >> 8)}.${i & 255}.0/24`;
    for (let i = 0; i < 1000; i++) network.setRouted(range(i), true);
    for (let i = 0; i < 10_000; i++) network.addEndpoint(`198.18.${i >> 8}.${i & 255}`);
    await network.configure(configuration);
    expect(kernel.take().filter((command) => command.startsWith('add route'))).toHaveLength(1000);
    const { dumps } = kernel;
    network.setRouted(range(500), false);
    await settled(network);
    expect(kernel.take()).toEqual([`del route ${range(500)} dev wp0`]);
    network.setRouted(range(500), true);
    network.setRouted(range(501), false);
    network.setRouted(range(501), true);
    await settled(network);
    expect(kernel.take()).toEqual([`add route ${range(500)} dev wp0`]);
    network.addEndpoint('198.18.3.4');
    network.addEndpoint('203.0.113.1');
    await settled(network);
    expect(kernel.take()).toEqual([]);
    expect(kernel.dumps).toBe(dumps);
  });

  it('says of a thousand failures that there were a thousand', async () => {
    const { kernel, network, logger } = networkOn();
    kernel.refuse = (command) => (command.startsWith('add route') ? [12, 'ENOMEM'] : undefined);
    for (let i = 0; i < 1000; i++) network.setRouted(`10.${100 + (i >> 8)}.${i & 255}.0/24`, true);
    await network.configure(configuration);
    const counts = logger.lines.flatMap(({ fields }) => Number(fields?.['count'] ?? 0));
    expect(counts.reduce((sum, one) => sum + one, 0) + counts.filter((one) => one === 0).length).toBe(1000);
    expect(network.problems().length).toBeLessThan(7);
  });

  it('moves a range to the table of its own when an endpoint appears in it, rules first', async () => {
    const { kernel, network } = networkOn();
    network.setAllowedIps(['10.88.0.0/16']);
    await network.configure(configuration);
    kernel.take();
    network.addEndpoint('192.0.2.1');
    network.addEndpoint('10.88.3.4');
    await settled(network);
    const commands = kernel.take();
    expect(commands.at(0)).toBe('add route 10.88.0.0/16 dev wp0 table 7');
    expect(commands.at(-1)).toBe('del route 10.88.0.0/16 dev wp0');
    expect(commands.filter((command) => command.startsWith('add rule'))).toHaveLength(5);
    await network.close();
    const gone = kernel.take();
    expect(gone.filter((command) => command.startsWith('del rule'))).toHaveLength(5);
    // What leads to us goes before the exceptions from it.
    expect(gone.findIndex((command) => command.includes('lookup 7'))).toBeLessThan(
      gone.findIndex((command) => command.includes('fwmark 0x57/0x7f')),
    );
    expect(kernel.closed).toBe(1);
    await network.close();
    expect(kernel.take()).toEqual([]);
  });

  it('removes what a killed run left in its block of rules, and leaves the block of another alone', async () => {
    const first = await firstPriority();
    const own = networkOn();
    own.kernel.add({ kind: 'rule', rule: { family: 4, priority: first, action: { lookup: 7 } } });
    own.kernel.add({ kind: 'rule', rule: { family: 4, priority: first + 299, action: 'nop' } });
    own.kernel.add({ kind: 'rule', rule: { family: 4, priority: 32_766, action: { lookup: 254 } } });
    await own.network.configure(configuration);
    expect(own.kernel.texts().filter((text) => text.startsWith('rule'))).toEqual(['rule lookup main priority 32766']);

    const other = networkOn();
    other.kernel.add({ kind: 'rule', rule: { family: 4, priority: first + 5, action: { lookup: 8 } } });
    other.network.setAllowedIps(['0.0.0.0/0']);
    await other.network.configure(configuration);
    const priorities = other.kernel.commands
      .filter(isRule)
      .map((command) => Number(/priority (\d+)/.exec(command)![1]));
    expect(priorities.length).toBeGreaterThan(0);
    expect(priorities.filter((priority) => priority >= first && priority < first + 300)).toEqual([]);
  });

  it('names its table by the interface, the same in every run; the mark is every interface’s', () => {
    expect(routingTable('wp0', undefined)).toBe(routingTable('wp0', undefined));
    expect(routingTable('wp0', undefined)).not.toBe(routingTable('wp1', undefined));
    expect(MARK & ~MARK_MASK).toBe(0);
  });
});

/** Of the block that a first run gets where no rules are. */
async function firstPriority(): Promise<number> {
  const { kernel, network } = networkOn(new FakeKernel());
  network.setAllowedIps(['0.0.0.0/0']);
  await network.configure(configuration);
  const nop = kernel.commands.find((command) => command.includes('nop'))!;
  return Number(/priority (\d+)/.exec(nop)![1]) - 299;
}
