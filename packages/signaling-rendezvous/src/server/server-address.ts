import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ServerAddress } from '../protocol/own-urls.js';

/** What the accepted socket and its request say of this server; undefined when the client is gone already. */
export function serverAddressOf(
  socket: Socket,
  request: IncomingMessage,
): Omit<ServerAddress, 'configuredUrls'> | undefined {
  const { localAddress, localPort } = socket;
  if (localAddress === undefined || localPort === undefined) return undefined;
  const isTls = socket instanceof TLSSocket;
  return {
    scheme: isTls ? 'wss:' : 'ws:',
    localIp: localAddress,
    localPort,
    requestPath: request.url?.startsWith('/') ? request.url : '/',
    certificateNames: isTls ? alternativeNames(socket.getX509Certificate()?.subjectAltName) : [],
  };
}

/** @param subjectAltName as Node prints it: `DNS:example.net, IP Address:192.0.2.1`. */
function alternativeNames(subjectAltName: string | undefined): string[] {
  return (subjectAltName ?? '').split(', ').flatMap((entry) => {
    const match = /^(?:DNS|IP Address):([0-9A-Za-z.:*-]+)$/.exec(entry);
    return match?.[1] === undefined ? [] : [match[1]];
  });
}
