interface Handle {
  /** -1 before the socket is bound or connected. */
  readonly fd?: unknown;
}

/**
 * The file descriptor of a socket of `node:dgram` or `node:net` that is bound or connected; undefined before, after it is
 * closed, on platforms that have none, and for an object that is no such socket. Node gives no public access: this is the
 * one place that reaches inside.
 */
export function socketDescriptor(socket: object): number | undefined {
  const fd = handleOf(socket)?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

function handleOf(socket: object): Handle | undefined {
  // A datagram socket's, by the state's symbol, as the getter `_handle` prints a deprecation warning.
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  if (symbol === undefined) return (socket as { readonly _handle?: Handle | null })._handle ?? undefined;
  return (socket as Record<symbol, { readonly handle?: Handle | null } | undefined>)[symbol]?.handle ?? undefined;
}
