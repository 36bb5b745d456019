import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CodedError } from '../../base/errors/coded-error.js';
import { connectionFailure } from '../../base/errors/connection-failure.js';
import { printable } from '../../base/text/printable.js';
import type { Clock } from '../../base/time/clock.js';
import type { ServerAt } from '../../contracts/plugin/outside.js';
import type { HttpProxy } from './http-proxy.js';

const TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16_384;
const MAX_REASON_LENGTH = 100;

/**
 * Asks a proxy to connect to a server (RFC 9110, section 9.3.6), with Node's own HTTP client: proxy agents dial the proxy
 * themselves, and this socket has to be one that stays out of the tunnel.
 * @param socket connected to the proxy; destroyed where it fails.
 * @throws CodedError PROXY; the signal's reason.
 */
export async function openHttpTunnel(
  socket: Socket,
  server: ServerAt,
  proxy: HttpProxy,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Socket> {
  const late = new AbortController();
  const deadline = clock.setTimeout(() => late.abort(), TIMEOUT_MS);
  const ended = AbortSignal.any([signal, late.signal]);
  const giveUp = () => socket.destroy();
  ended.addEventListener('abort', giveUp, { once: true });
  try {
    ended.throwIfAborted();
    return await connectThrough(proxy.secure ? await overTls(socket, proxy, ended) : socket, server, proxy, ended);
  } catch (error) {
    socket.destroy();
    if (signal.aborted) throw signal.reason;
    if (error instanceof CodedError) throw error;
    const reason = late.signal.aborted ? 'does not answer' : `breaks off: ${connectionFailure(error)}`;
    throw proxyError(proxy, reason, error);
  } finally {
    deadline[Symbol.dispose]();
    ended.removeEventListener('abort', giveUp);
  }
}

/** What is given up may fail yet. */
function ignored(): void {}

export function proxyError({ shown }: HttpProxy, reason: string, cause?: unknown): CodedError {
  return new CodedError('PROXY', `the HTTP proxy ${shown} ${reason}`, { subject: shown, cause });
}

async function overTls(socket: Socket, { host }: HttpProxy, signal: AbortSignal): Promise<Socket> {
  const secured = connectTls({ socket, host, servername: isIP(host) === 0 ? host : '' });
  secured.on('error', ignored);
  await once(secured, 'secureConnect', { signal });
  return secured;
}

async function connectThrough(
  socket: Socket,
  { host, port }: ServerAt,
  proxy: HttpProxy,
  signal: AbortSignal,
): Promise<Socket> {
  const path = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const connecting = request({
    method: 'CONNECT',
    path,
    headers: { host: path, ...(proxy.authorization && { 'proxy-authorization': proxy.authorization }) },
    createConnection: () => socket,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  connecting.on('error', ignored);
  connecting.end();
  // Emitted whatever the answer is.
  const [answer, , head] = (await once(connecting, 'connect', { signal })) as [IncomingMessage, Socket, Buffer];
  const { statusCode = 0, statusMessage = '' } = answer;
  if (statusCode < 200 || statusCode > 299) throw proxyError(proxy, refusal(path, proxy, statusCode, statusMessage));
  if (head.length > 0) socket.unshift(head);
  return socket;
}

function refusal(server: string, { authorization }: HttpProxy, status: number, reason: string): string {
  const said = printable(`${status} ${reason}`, MAX_REASON_LENGTH).trimEnd();
  // tinyproxy says 401 where a password is wrong.
  if (status === 407 || status === 401)
    return authorization === undefined
      ? `wants a user and a password (${said}): write them into its URL, http://user:password@host:port`
      : `does not take this user and password (${said}): correct them in its URL`;
  if (status === 403)
    return `does not let us connect to ${server} (${said}): whoever runs it can allow that; many allow port 443 only`;
  return `could not connect to ${server} (${said})`;
}
