import { baseIdOf, parseCidr } from '@wirepath/core/plugin';
import type { PacketPath } from '../sockets/packet-path.js';

/** What a cookie is bound to. A relayed path is bound to the allocation too: its remote address is the relay's word. */
export function sourceBytes({ path }: PacketPath): Uint8Array {
  const { ip, port } = path.remote;
  const address = parseCidr(ip.split('%')[0] ?? '')?.bytes ?? new Uint8Array(4);
  const origin = path.kind === 'relayed' ? Buffer.from(baseIdOf(path)) : new Uint8Array(0);
  return Buffer.concat([address, Uint8Array.of(port >> 8, port & 255), origin]);
}
