import type { Socket as DatagramSocket } from 'node:dgram';
import { Socket } from 'node:net';
import { openUdpSocket, reasonOf, type Logger, type TransportAddress } from '@wirepath/core/plugin';
import { openStreamSocket, socketDescriptor } from '@wirepath/linux';
import { markSocket } from './socket-options.js';

export interface OutsideSocketsOptions {
  /** What routing knows our own packets by; undefined where nothing of ours routes anything. */
  readonly mark: number | undefined;
  readonly logger: Logger;
  /** Told of whom they are for, before they are there: the mark is heeded only in ranges that are asked for by rules. */
  readonly onRemote?: (ip: string) => void;
}

/** Sockets of this node beside the transport's own: marked before they send anything, so that nothing of it enters the tunnel. */
export class OutsideSockets {
  readonly #options: OutsideSocketsOptions;
  #told = false;

  constructor(options: OutsideSocketsOptions) {
    this.#options = options;
  }

  /** Not connected yet. Where it cannot be marked, an ordinary one. */
  openTcp({ family, ip }: TransportAddress): Socket {
    const { mark, onRemote } = this.#options;
    onRemote?.(ip);
    if (mark === undefined) return new Socket();
    try {
      return openStreamSocket({ family, mark });
    } catch (error) {
      this.#notMarked(error);
      return new Socket();
    }
  }

  /** Bound to a port of its own. Where it cannot be marked, it is not. */
  async openUdp({ family, ip }: TransportAddress): Promise<DatagramSocket> {
    const { mark, onRemote } = this.#options;
    onRemote?.(ip);
    const socket = await openUdpSocket({ family });
    const fd = mark === undefined ? undefined : socketDescriptor(socket);
    if (mark === undefined || fd === undefined) return socket;
    try {
      markSocket(fd, mark);
    } catch (error) {
      this.#notMarked(error);
    }
    return socket;
  }

  #notMarked(error: unknown): void {
    if (this.#told) return;
    this.#told = true;
    const reason = reasonOf(error);
    this.#options.logger.warn('connections of our own are not marked: allowed IPs that cover a server catch them', {
      reason,
    });
  }
}
