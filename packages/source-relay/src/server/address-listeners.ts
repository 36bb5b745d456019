import {
  AddressSockets,
  systemTrigger,
  type ChangeTrigger,
  type LocalAddress,
  type ServerNeeds,
} from '@wirepath/core/plugin';
import { watchNetworkChanges } from '@wirepath/linux';
import { memberOf, type Listener, type ListenerReceiver } from './listener.js';
import { isWildcardAddress } from './server-options.js';
import type { OpenBeside } from './server-socket.js';

/** Allocations of clients whose server has no cable for a moment live on as long as they would without a Refresh. */
const LINGER_MS = 600_000;

export interface AddressListenersNeeds {
  readonly needs: Pick<ServerNeeds, 'clock' | 'logger'>;
  readonly openBeside: OpenBeside;
  readonly read: () => readonly LocalAddress[];
  /** @default the system's */
  readonly trigger?: ChangeTrigger | undefined;
  readonly receive: ListenerReceiver;
  readonly onClosed: (listener: Listener) => void;
}

/**
 * Beside a listener at the wildcard address one at each of this machine's addresses of its family, as they come and go: what is
 * answered leaves from the address that was asked.
 */
export function addressListeners(wildcard: Listener, options: AddressListenersNeeds): AddressSockets<Listener> {
  const { needs, openBeside, read, receive, onClosed } = options;
  const { clock, logger } = needs;
  return new AddressSockets<Listener>({
    clock,
    logger,
    read,
    trigger: options.trigger ?? systemTrigger({ platform: process.platform, watchNetworkChanges }, clock, logger),
    lingerMs: LINGER_MS,
    select: (addresses) => addresses.filter(({ family }) => family === wildcard.socket.local.family),
    open: ({ ip }) => memberOf(wildcard, (forward) => openBeside(wildcard.socket, ip, forward), receive),
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
