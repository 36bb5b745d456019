import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SUBPROTOCOL } from '../protocol/rendezvous-v1.js';

const IDLE_MS = 5000;

export interface HttpFrontEvents {
  /** A raw connection; destroy it to refuse. */
  connection(socket: Socket): void;
  /** A well-formed request for our subprotocol. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** The HTTP server under the WebSockets: answers those who are not WebSocket clients, in little time and few bytes. */
export function createHttpFront(maxConnections: number, events: HttpFrontEvents): Server {
  const options = {
    headersTimeout: IDLE_MS,
    requestTimeout: IDLE_MS,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: 8192,
    noDelay: true,
  };
  const server = createServer(options);
  server.timeout = IDLE_MS;
  server.maxConnections = maxConnections;
  server.on('connection', (socket: Socket) => events.connection(socket));
  server.on('request', answerRequest);
  server.on('clientError', (_error, socket) => refuse(socket, 400, 'not HTTP'));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (offered.includes(SUBPROTOCOL)) events.upgrade(request, socket, head);
    else refuse(socket, 400, `this server speaks the WebSocket subprotocol ${SUBPROTOCOL}`);
  });
  return server;
}

function answerRequest(request: IncomingMessage, response: ServerResponse): void {
  const isHealthCheck = request.url === '/healthz' && (request.method === 'GET' || request.method === 'HEAD');
  response.writeHead(isHealthCheck ? 200 : 426, {
    'Content-Type': 'text/plain; charset=utf-8',
    Connection: isHealthCheck ? 'close' : 'Upgrade, close',
    ...(isHealthCheck ? {} : { Upgrade: 'websocket' }),
  });
  response.end(
    isHealthCheck ? 'ok\n' : `This is a rendezvous server: it speaks WebSocket, subprotocol ${SUBPROTOCOL}.\n`,
  );
}

function refuse(socket: Duplex, status: number, text: string): void {
  // The client may be gone already; there is nobody left to tell.
  socket.on('error', () => socket.destroy());
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(`HTTP/1.1 ${status} Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n${text}\n`, () =>
    socket.destroy(),
  );
}
