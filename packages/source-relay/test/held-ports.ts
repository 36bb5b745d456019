import type { UdpNetwork } from '../src/server/udp/udp-network.js';
import { MemoryNetwork } from './memory-network.js';

/** A network on which ports of the relay take their time to open: until `release`. For `turnLab`. */
export function heldPorts() {
  const network = new MemoryNetwork();
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const udp = (): UdpNetwork => {
    const inner = network.udp();
    return {
      ...inner,
      open: async (local) => {
        if (local.port >= 49152) await released;
        return inner.open(local);
      },
    };
  };
  return { network, edges: { udp }, release };
}
