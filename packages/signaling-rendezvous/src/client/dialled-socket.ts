import { isIP, type createConnection, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { ClientOptions, WebSocket } from 'ws';
import type { ConnectionEnd } from '../protocol/client-session.js';
import { PongTurn } from '../protocol/pong-turn.js';
import { MAX_FRAME_BYTES, SUBPROTOCOL } from '../protocol/rendezvous-v1.js';
import { describeClose, describeError } from './connection-end.js';

export interface DialledSocketEvents {
  opened(): void;
  frame(bytes: Uint8Array): void;
  /** A WebSocket ping or pong. */
  heard(): void;
  sent(sizeBytes: number): void;
  /** Once, and last. */
  ended(end: ConnectionEnd): void;
}

export interface Connection {
  /** Connected. */
  readonly socket: Socket;
  /** PEM of the authorities that may sign the server's certificate; undefined: the system's. */
  readonly ca: string | undefined;
}

/** One WebSocket connection to a server. After {@link hangUp} it reports nothing any more. */
export class DialledSocket {
  readonly #socket: WebSocket;
  readonly #closed: Promise<void>;
  readonly #pongs = new PongTurn();
  #events: DialledSocketEvents | undefined;

  constructor(WebSocketClass: typeof WebSocket, url: string, connection: Connection, events: DialledSocketEvents) {
    this.#events = events;
    const options: ClientOptions & { closeTimeout: number; maxFragments: number } = {
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES,
      maxFragments: 16,
      followRedirects: false,
      // ws would heap up pongs for a server that pings and does not read.
      autoPong: false,
      closeTimeout: 500,
      rejectUnauthorized: true,
      createConnection: ((given: ConnectionOptions) =>
        url.startsWith('wss:') ? overTls(connection, given) : connection.socket) as typeof createConnection,
    };
    const socket = new WebSocketClass(url, SUBPROTOCOL, options);
    this.#socket = socket;
    let failure: string | undefined;
    socket.on('open', () => this.#events?.opened());
    socket.on('message', (data, isBinary) => {
      if (isBinary && Buffer.isBuffer(data)) this.#events?.frame(data);
      // A text frame is not in the protocol: an empty one is malformed too.
      else this.#events?.frame(new Uint8Array());
    });
    socket.on('ping', (payload) => {
      this.#events?.heard();
      this.#answer(this.#pongs.pinged(payload));
    });
    socket.on('pong', () => this.#events?.heard());
    socket.on('unexpected-response', (request, response) => {
      failure = `HTTP ${response.statusCode ?? '?'}: no rendezvous server answers there`;
      request.destroy();
      // ws leaves the rest to whoever listens to this event.
      socket.terminate();
    });
    socket.on('error', (error) => {
      failure ??= describeError(error);
    });
    this.#closed = new Promise((resolve) => {
      socket.on('close', (code) => {
        const end = failure === undefined ? { code, error: describeClose(code) } : { error: failure };
        this.#events?.ended(end);
        this.#events = undefined;
        resolve();
      });
    });
  }

  send(bytes: Uint8Array): void {
    // The callback comes with an error when the connection is closing: `ended` reports that.
    this.#socket.send(bytes, () => this.#events?.sent(bytes.length));
  }

  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  #answer(payload: Uint8Array | undefined): void {
    if (payload === undefined || this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.pong(payload, true, () => this.#answer(this.#pongs.ponged()));
  }

  /** Says goodbye where it can be said, for at most half a second. */
  hangUp(): Promise<void> {
    this.#events = undefined;
    if (this.#socket.readyState === this.#socket.CONNECTING) this.#socket.terminate();
    else this.#socket.close(1000);
    return this.#closed;
  }
}

/** @param given what HTTP wants of the connection. */
function overTls({ socket, ca }: Connection, given: ConnectionOptions): Socket {
  const host = (given.host ?? '').replace(/\.$/, '');
  const servername = isIP(host) === 0 ? host : '';
  const own = ca === undefined ? {} : { ca };
  // A server that shares its port asks for the protocol, and some firewalls let nothing else out.
  return connectTls({ ...given, path: undefined, socket, host, servername, ALPNProtocols: ['http/1.1'], ...own });
}
