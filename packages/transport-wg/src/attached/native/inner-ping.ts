import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';

/** RFC 863's port: nobody listens there, so the peer's system answers with an ICMP error, and that will do. */
const DISCARD_PORT = 9;

/**
 * The one address of a peer that can be asked for an answer: its first host route.
 * @param allowedIps canonical CIDRs.
 */
export function innerAddressOf(allowedIps: readonly string[]): string | undefined {
  return allowedIps.find((cidr) => /(?:\..*\/32|:.*\/128)$/.test(cidr))?.replace(/\/\d+$/, '');
}

/**
 * Asks the system behind the tunnel for any sign of life: a UDP datagram to a closed port, which it refuses (or answers).
 * Needs no right. A peer whose firewall swallows both stays silent.
 * @returns whether it answered before `signal` fired.
 */
export function innerPing(
  address: string,
  { signal, port = DISCARD_PORT }: { signal: AbortSignal; port?: number },
): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6');
    const settle = (answered: boolean) => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      // Whatever comes in between now and the close concerns nobody.
      socket.on('error', () => undefined);
      socket.close();
      resolve(answered);
    };
    const onAbort = () => settle(false);
    signal.addEventListener('abort', onAbort);
    socket.on('message', () => settle(true));
    // Of a connected socket, an ICMP "port unreachable" from the peer is ECONNREFUSED.
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED'));
    // Not handed to `connect`, which calls it with an error too.
    socket.once('connect', () => socket.send(new Uint8Array(1)));
    socket.connect(port, address);
  });
}
