import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { transportAddress, type TransportAddress } from '@wirepath/stun-codec';

export interface TcpListener {
  readonly local: TransportAddress;
  /** Connections that it has accepted live on. */
  close(): Promise<void>;
}

export interface TcpListenerEvents {
  accepted(socket: Socket): void;
  /** One could not be accepted: EMFILE comes once for each. */
  failed(error: unknown): void;
}

/** Listens on TCP; port 0: any. Rejects with what the system says (EADDRINUSE, EADDRNOTAVAIL, ...). */
export type OpenTcpListener = (local: TransportAddress, events: TcpListenerEvents) => Promise<TcpListener>;

/** The real network. */
export const openTcpListener: OpenTcpListener = async ({ ip, port }, events) => {
  const server = createServer({ noDelay: true }, (socket) => events.accepted(socket));
  // Of IPv6 alone, as the UDP socket beside it.
  server.listen({ host: ip, port, backlog: 1024, ipv6Only: true });
  await once(server, 'listening');
  server.on('error', (error) => events.failed(error));
  const bound = server.address();
  const local = transportAddress(ip, bound !== null && typeof bound === 'object' ? bound.port : port);
  return { local, close: () => new Promise((resolve) => server.close(() => resolve())) };
};
