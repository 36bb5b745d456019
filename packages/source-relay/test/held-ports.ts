import type { OpenServerSocket } from '../src/server/server-socket.js';
import { MemoryNetwork } from './memory-network.js';

/** A network on which ports of the relay take their time to open: until `release`. For `turnLab`. */
export function heldPorts() {
  const network = new MemoryNetwork();
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const open: OpenServerSocket = async (local, receive) => {
    if (local.port >= 49152) await released;
    return network.open(local, receive);
  };
  return { network, edges: { open }, release };
}
