import { formatAddress, transportAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { ResponseOrigins } from './binding.js';
import { listenAddress } from './listen-address.js';
import { listenError } from './listen-error.js';
import { isWildcardAddress, turnListenAddresses, type StunTurnServerOptions } from './server-options.js';
import type { Client } from './client.js';
import type { ServerSocket } from './server-socket.js';
import type { UdpSockets } from './udp/udp-network.js';
import type { UdpServerSocket } from './udp/udp-server-socket.js';

/** A socket to open, and which sections of the rc file named its address. */
export interface PlannedListener {
  readonly local: TransportAddress;
  stun: boolean;
  turn: boolean;
}

/** A listening socket and what is served on it; Binding is answered on all. */
export interface Listener<Socket extends ServerSocket = ServerSocket> extends Readonly<PlannedListener> {
  readonly socket: Socket;
  /** Undefined where the socket is bound to the wildcard. */
  readonly address: TransportAddress | undefined;
  /** The sockets at the other address and port (RFC 5780); with an alternate address only. */
  origins: ResponseOrigins<Listener> | undefined;
}

export type UdpListener = Listener<UdpServerSocket<Client>>;

/**
 * Which sockets the options ask for: one for each address, whichever sections name it.
 * `corners`: the four of RFC 5780, where there is an alternate address.
 */
export function planListeners({ stun, turn }: StunTurnServerOptions): {
  readonly planned: readonly PlannedListener[];
  readonly corners: ResponseOrigins<PlannedListener> | undefined;
} {
  const byAddress = new Map<string, PlannedListener>();
  const plan = (local: TransportAddress, section: 'stun' | 'turn') => {
    const key = formatAddress(local);
    const listener = byAddress.get(key) ?? { local, stun: false, turn: false };
    byAddress.set(key, listener);
    listener[section] = true;
    return listener;
  };
  for (const text of turn === undefined ? [] : turnListenAddresses(turn)) plan(listenAddress(text), 'turn');
  if (stun === undefined) return { planned: [...byAddress.values()], corners: undefined };
  const primary = listenAddress(stun.listen);
  const same = plan(primary, 'stun');
  let corners: ResponseOrigins<PlannedListener> | undefined;
  if (stun.alternate != null) {
    const alternate = listenAddress(stun.alternate);
    corners = {
      same,
      otherPort: plan(transportAddress(primary.ip, alternate.port), 'stun'),
      otherIp: plan(transportAddress(alternate.ip, primary.port), 'stun'),
      otherBoth: plan(alternate, 'stun'),
    };
  }
  return { planned: [...byAddress.values()], corners };
}

/** Not started yet. @throws CodedError ADDRESS_IN_USE, PERMISSION_DENIED or NETWORK_CONFIG. */
export async function openListener(planned: PlannedListener, sockets: UdpSockets): Promise<UdpListener> {
  const socket = await sockets.open<Client>(planned.local).catch((error: unknown) => {
    throw listenError(planned.turn ? 'turn' : 'stun', planned.local, error);
  });
  const address = isWildcardAddress(socket.local) ? undefined : socket.local;
  return { ...planned, socket, address, origins: undefined };
}

/** A listener at one address, for what the one at the wildcard address is for. Not started yet. */
export function memberOf({ local, stun, turn }: Listener, socket: UdpServerSocket<Client>): UdpListener {
  return { local, stun, turn, socket, address: socket.local, origins: undefined };
}

/** Tells four listeners about each other. */
export function joinCorners(corners: ResponseOrigins<Listener>): void {
  const { same, otherPort, otherIp, otherBoth } = corners;
  same.origins = corners;
  otherPort.origins = { same: otherPort, otherPort: same, otherIp: otherBoth, otherBoth: otherIp };
  otherIp.origins = { same: otherIp, otherPort: otherBoth, otherIp: same, otherBoth: otherPort };
  otherBoth.origins = { same: otherBoth, otherPort: otherIp, otherIp: otherPort, otherBoth: same };
}
