import { transportAddress, type TransportAddress } from '@wirepath/core';
import { decodeBindingRequest, encodeBindingResponse } from './stun-binding.js';
import type { VirtualHost, VirtualSocket } from './virtual-host.js';

/**
 * A STUN server on a virtual host: Binding in real bytes (RFC 8489), so that real clients can be tested with it. With a
 * second port it tells its other address, and answers from there where it is asked to (RFC 5780).
 */
export class VirtualStunServer {
  readonly #sockets = new Map<number, VirtualSocket>();
  /** Requests answered. */
  answered = 0;

  /** @param alternate another IP of the host and another port, for RFC 5780. */
  constructor(
    host: VirtualHost,
    readonly address: TransportAddress,
    readonly alternate?: TransportAddress,
  ) {
    const ports = new Set([address.port, alternate?.port ?? address.port]);
    for (const port of ports) {
      const socket = host.bind(address.family, port, ({ source, destination, bytes }) => {
        const request = decodeBindingRequest(bytes);
        if (request === undefined || (alternate === undefined && (request.changeIp || request.changePort))) return;
        this.answered += 1;
        const other = this.#other(destination);
        const origin = transportAddress(
          request.changeIp && other ? other.ip : destination.ip,
          request.changePort && other ? other.port : destination.port,
        );
        const response = encodeBindingResponse({
          transactionId: request.transactionId,
          mappedAddress: source,
          responseOrigin: origin,
          ...(other && { otherAddress: other }),
        });
        const to = transportAddress(source.ip, request.responsePort ?? source.port);
        this.#sockets.get(origin.port)?.send(to, response, origin.ip);
      });
      this.#sockets.set(port, socket);
    }
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
  }

  /** Both IP and port differ. */
  #other(from: TransportAddress): TransportAddress | undefined {
    const { address, alternate } = this;
    if (alternate === undefined) return undefined;
    return transportAddress(
      from.ip === address.ip ? alternate.ip : address.ip,
      from.port === address.port ? alternate.port : address.port,
    );
  }
}
