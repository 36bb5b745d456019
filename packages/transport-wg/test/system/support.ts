import { parseCidr } from '@wirepath/core/plugin';
import { LinuxNetwork } from '../../src/system/linux-network.js';
import type { RoutingEntry } from '../../src/system/routing-entry.js';
import { ManualClock } from '../attached/manual-clock.js';
import { recordingLogger, testGuard } from '../embedded/support.js';
import { FakeKernel } from './fake-kernel.js';

export const MAIN = 254;
export const TABLE = 7;
export const configuration = { addresses: ['10.77.0.1/24'], mtu: 1420, listenPort: 51820 };

export function networkOn(kernel = new FakeKernel()) {
  const logger = recordingLogger();
  const clock = new ManualClock();
  const mark = { value: 0x57, mask: 0x7f };
  const network = new LinuxNetwork({
    interfaceName: 'wp0',
    mark,
    table: TABLE,
    logger,
    clock,
    guard: testGuard(logger),
    netlink: () => kernel,
  });
  return { kernel, network, logger, clock };
}

export function route(text: string, table = MAIN): RoutingEntry {
  const { bytes, prefix } = parseCidr(text)!;
  return { kind: 'route', prefix: { bytes, prefix }, table };
}

/** Changes are applied in the next turn of the event loop. */
export async function settled(network: LinuxNetwork): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await network.settled();
}
