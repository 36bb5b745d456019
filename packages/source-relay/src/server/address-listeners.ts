import {
  AddressSockets,
  systemTrigger,
  type ChangeTrigger,
  type LocalAddress,
  type ServerNeeds,
} from '@wirepath/core/plugin';
import { watchNetworkChanges } from '@wirepath/linux';
import { memberOf, type Listener, type UdpListener } from './listener.js';
import { isWildcardAddress } from './server-options.js';
import type { UdpSockets } from './udp/udp-network.js';

/** Allocations of clients whose server has no cable for a moment live on as long as they would without a Refresh. */
const LINGER_MS = 600_000;

export interface AddressListenersNeeds {
  readonly needs: Pick<ServerNeeds, 'clock' | 'logger'>;
  readonly sockets: UdpSockets;
  readonly read: () => readonly LocalAddress[];
  /** @default the system's */
  readonly trigger?: ChangeTrigger | undefined;
  readonly start: (listener: UdpListener) => void;
  readonly onClosed: (listener: UdpListener) => void;
}

/**
 * Beside a listener at the wildcard address one at each of this machine's addresses of its family, as they come and go: what is
 * answered leaves from the address that was asked.
 */
export function addressListeners(wildcard: UdpListener, options: AddressListenersNeeds): AddressSockets<UdpListener> {
  const { needs, sockets, read, start, onClosed } = options;
  const { clock, logger } = needs;
  return new AddressSockets<UdpListener>({
    clock,
    logger,
    read,
    trigger: options.trigger ?? systemTrigger({ platform: process.platform, watchNetworkChanges }, clock, logger),
    lingerMs: LINGER_MS,
    select: (addresses) => addresses.filter(({ family }) => family === wildcard.socket.local.family),
    open: ({ ip }) => {
      const listener = memberOf(wildcard, sockets.openBeside(wildcard.socket, ip));
      start(listener);
      return listener;
    },
    close: (listener) => {
      onClosed(listener);
      void listener.socket.close();
    },
  });
}

/** Whether there are to be listeners beside it. */
export function isForAll({ socket }: Listener): boolean {
  return isWildcardAddress(socket.local);
}
