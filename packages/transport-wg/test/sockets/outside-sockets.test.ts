import { transportAddress } from '@wirepath/core/plugin';
import { describe, expect, it } from 'vitest';
import { OutsideSockets } from '../../src/sockets/outside-sockets.js';
import { configuration, networkOn, settled } from '../system/support.js';

const SERVER = transportAddress('10.88.3.4', 7000);

describe('a socket beside the transport’s own, for a server in the range of a peer', () => {
  const opened: [string, (sockets: OutsideSockets) => void | Promise<void>][] = [
    ['TCP', (sockets) => void sockets.openTcp(SERVER).destroy()],
    ['UDP', async (sockets) => void (await sockets.openUdp(SERVER)).close()],
  ];

  it.each(opened)('%s: the range leaves the main table, which knows no marks', async (_kind, open) => {
    const { kernel, network, logger } = networkOn();
    network.setAllowedIps(['10.88.0.0/16', '10.89.0.0/16']);
    await network.configure(configuration);
    kernel.take();
    await open(new OutsideSockets({ mark: undefined, logger, onRemote: (ip) => network.addEndpoint(ip) }));
    await settled(network);
    const commands = kernel.take();
    expect(commands).toContain('add route 10.88.0.0/16 dev wp0 table 7');
    expect(commands.at(-1)).toBe('del route 10.88.0.0/16 dev wp0');
    expect(commands.filter((command) => command.includes('10.89.'))).toEqual([]);
    await network.close();
  });
});
