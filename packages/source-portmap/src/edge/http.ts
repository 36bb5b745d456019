import type { Outside } from '@wirepath/core/plugin';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpRequest } from '../protocol/inquiry.js';

/** Descriptions of gateways have 3 to 30 kB. */
const MAX_BODY_BYTES = 128 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;

export interface HttpContext {
  readonly outside: Pick<Outside, 'connect'>;
  /** The one address that a request may go to. */
  readonly gatewayIp: string;
  /** Ends it, however slowly bytes come. */
  readonly signal: AbortSignal;
}

/**
 * One request to the gateway and its answer, past the tunnel and any proxy. A redirect is an answer like any other: nothing is
 * followed. @throws Error with a reason for people; the signal's reason.
 */
export async function exchangeHttp(
  { method, url, headers, body }: HttpRequest,
  { outside, gatewayIp, signal }: HttpContext,
): Promise<{ status: number; body: string }> {
  // Whoever made the URL has looked at that; nothing is ever sent elsewhere.
  if (url.protocol !== 'http:' || url.hostname !== gatewayIp) throw new Error('it names another address');
  const server = { host: gatewayIp, port: Number(url.port || '80') };
  const socket: Socket = await outside.connect(server, { signal, proxy: false });
  try {
    return await new Promise((resolve, reject) => {
      const outgoing = httpRequest({
        method,
        path: `${url.pathname}${url.search}`,
        headers: { Host: url.host, Connection: 'close', 'Content-Length': Buffer.byteLength(body), ...headers },
        createConnection: () => socket,
        maxHeaderSize: MAX_HEADER_BYTES,
        signal,
      });
      outgoing.on('error', (error) => reject(signal.aborted ? error : new Error(`HTTP fails: ${codeOf(error)}`)));
      outgoing.on('response', (response) => {
        const { statusCode = 0 } = response;
        readBody(response).then((text) => resolve({ status: statusCode, body: text }), reject);
      });
      outgoing.end(body);
    });
  } finally {
    socket.destroy();
  }
}

function readBody(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let sizeBytes = 0;
    response.on('data', (part: Buffer) => {
      sizeBytes += part.length;
      if (sizeBytes <= MAX_BODY_BYTES) return parts.push(part);
      response.destroy();
      return reject(new Error(`it sends more than ${MAX_BODY_BYTES / 1024} KiB`));
    });
    response.on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
    response.on('error', (error) => reject(new Error(`HTTP fails: ${codeOf(error)}`)));
    response.on('close', () => reject(new Error('HTTP fails: the connection ended early')));
  });
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? 'no reason given';
}
