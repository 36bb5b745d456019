import {
  CodedError,
  transportAddress,
  type Outside,
  type ProxyChoice,
  type ServerAt,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { once } from 'node:events';
import { isIP, Socket } from 'node:net';

/** Names as a test says they are; connections are ordinary ones, past any proxy. What was asked for is noted. */
export class StaticOutside implements Outside {
  readonly #names: Map<string, readonly string[]>;
  /** Names that were looked up, in order; with `again` where what was known does not answer. */
  readonly asked: string[] = [];
  /** Of each connection, the proxy that it was to go through. */
  readonly proxies: ProxyChoice[] = [];

  /** @param names IP literals by name. */
  constructor(names: Readonly<Record<string, readonly string[]>> = {}) {
    this.#names = new Map(Object.entries({ localhost: ['127.0.0.1'], ...names }));
  }

  /** From now on the name stands for these; for none, it does not resolve. */
  change(host: string, addresses: readonly string[]): void {
    this.#names.set(host, addresses);
  }

  async resolve(
    { host, port }: ServerAt,
    { signal, again = false }: { signal: AbortSignal; again?: boolean },
  ): Promise<readonly TransportAddress[]> {
    signal.throwIfAborted();
    if (isIP(host) !== 0) return [transportAddress(host, port)];
    this.asked.push(again ? `${host} again` : host);
    const addresses = this.#names.get(host) ?? [];
    if (addresses.length === 0) {
      throw new CodedError('NAME_NOT_RESOLVED', `the name ${host} does not resolve: no such name`, { subject: host });
    }
    return addresses.map((ip) => transportAddress(ip, port));
  }

  async connect(server: ServerAt, { signal, proxy }: { signal: AbortSignal; proxy?: ProxyChoice }): Promise<Socket> {
    this.proxies.push(proxy);
    const [address] = await this.resolve(server, { signal });
    const socket = new Socket();
    try {
      socket.connect({ host: address?.ip ?? server.host, port: server.port });
      await once(socket, 'connect', { signal });
    } catch (error) {
      socket.on('error', () => undefined);
      socket.destroy();
      throw signal.aborted ? signal.reason : error;
    }
    return socket;
  }
}
