import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Public resolvers, as good as any other far address: nothing is sent to them. */
const FAR_ADDRESS = { 4: '8.8.8.8', 6: '2001:4860:4860::8888' } as const;

/**
 * The address that the system would send from to the internet: connecting a UDP socket picks it and sends nothing.
 * A mesh that owns the default route gives its own.
 * @returns undefined where there is no way out.
 */
export async function addressByConnect(family: 4 | 6, signal?: AbortSignal): Promise<string | undefined> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  try {
    socket.connect(53, FAR_ADDRESS[family]);
    await once(socket, 'connect', signal === undefined ? {} : { signal });
    return socket.address().address;
  } catch {
    // No route in this family, or nobody waits any more: either way there is no answer.
    return undefined;
  } finally {
    socket.close();
  }
}
