import { Socket as DatagramSocket } from 'node:dgram';
import type { Socket as StreamSocket } from 'node:net';

interface Handle {
  /** -1 before the socket is bound or connected. */
  readonly fd?: number;
}

/**
 * The file descriptor of a socket that is bound or connected; undefined before, after it is closed, and on platforms
 * that have none. Node gives no public access: this is the one place that reaches inside.
 */
export function socketDescriptor(socket: DatagramSocket | StreamSocket): number | undefined {
  const fd = (socket instanceof DatagramSocket ? datagramHandle(socket) : streamHandle(socket))?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}

function streamHandle(socket: StreamSocket): Handle | undefined {
  return (socket as unknown as { readonly _handle?: Handle | null })._handle ?? undefined;
}

/** By the state's symbol, as the getter `_handle` of a datagram socket prints a deprecation warning. */
function datagramHandle(socket: DatagramSocket): Handle | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  if (symbol === undefined) return (socket as unknown as { readonly _handle?: Handle | null })._handle ?? undefined;
  const state = (socket as unknown as Record<symbol, { readonly handle?: Handle | null } | undefined>)[symbol];
  return state?.handle ?? undefined;
}
