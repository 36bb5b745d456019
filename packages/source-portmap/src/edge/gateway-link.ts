import {
  openUdpSocket,
  tryTransportAddress,
  type Datagrams,
  type Guard,
  type Outside,
  type TransportAddress,
} from '@wirepath/core/plugin';
import type { HttpRequest } from '../protocol/inquiry.js';

/** Where this node stands to a gateway. */
export interface Standpoint {
  readonly family: 4 | 6;
  readonly interfaceName: string;
  /** Our own address there. */
  readonly clientIp: string;
  readonly gatewayIp: string;
  /** The UDP port that WireGuard has. */
  readonly internalPort: number;
}

export interface LinkNeeds {
  readonly outside: Pick<Outside, 'connect'>;
  readonly guard: Pick<Guard, 'wrap'>;
}

export type OnDatagram = (from: TransportAddress, bytes: Uint8Array) => void;

/** How a gateway is talked to: open for one inquiry. */
export interface GatewayLink extends Disposable {
  send(to: TransportAddress, bytes: Uint8Array): void;
  /** @throws Error with a reason for people; the signal's reason. */
  http(request: HttpRequest, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }>;
}

/**
 * Over IPv4 the transport's own sockets, where it has any: what they send stays out of the tunnel and passes the kill switch.
 * Over IPv6 a socket at the very address that is to be let in, since a gateway there is link-local, and asks who it is that asks.
 */
export async function openGatewayLink(
  at: Standpoint,
  datagrams: Datagrams | undefined,
  needs: LinkNeeds,
  onDatagram: OnDatagram,
  signal: AbortSignal,
): Promise<GatewayLink> {
  const sockets =
    datagrams !== undefined && at.family === 4
      ? await overTransport(datagrams, onDatagram, signal)
      : await overOwnSocket(at, needs, onDatagram);
  return {
    ...sockets,
    async http(request, during) {
      const { exchangeHttp } = await import('./http.js');
      return exchangeHttp(request, { outside: needs.outside, gatewayIp: at.gatewayIp, signal: during });
    },
  };
}

type Sockets = Pick<GatewayLink, 'send' | typeof Symbol.dispose>;

async function overTransport(datagrams: Datagrams, onDatagram: OnDatagram, signal: AbortSignal): Promise<Sockets> {
  const base = await datagrams.openBase(4, { signal });
  const listening = datagrams.onDatagram(({ path, bytes }) => {
    if (path.kind !== 'socket' || path.base.id !== base.id) return false;
    onDatagram(path.remote, bytes);
    return true;
  });
  return {
    send: (remote, bytes) => datagrams.send({ kind: 'socket', base, remote }, bytes),
    [Symbol.dispose]: () => {
      listening[Symbol.dispose]();
      datagrams.closeBase(base);
    },
  };
}

async function overOwnSocket(at: Standpoint, { guard }: LinkNeeds, onDatagram: OnDatagram): Promise<Sockets> {
  const { family, clientIp, interfaceName } = at;
  const socket = await openUdpSocket({ family, address: clientIp });
  const zone = (ip: string) => (/^fe[89ab]/.test(ip) ? `${ip}%${interfaceName}` : ip);
  // What cannot be sent or received is an answer that does not come.
  socket.on('error', () => undefined);
  socket.on(
    'message',
    guard.wrap(
      'a datagram of the gateway',
      (bytes: Uint8Array, { address, port }: { address: string; port: number }) => {
        const from = tryTransportAddress(address.split('%', 1)[0] ?? '', port);
        if (from !== undefined) onDatagram(from, bytes);
      },
    ),
  );
  return {
    send: ({ ip, port }, bytes) => socket.send(bytes, port, zone(ip), () => undefined),
    [Symbol.dispose]: () => void socket.close(),
  };
}
