import { CodedError, type Clock } from '@wirepath/core/plugin';
import { once } from 'node:events';
import { isIP, type Socket } from 'node:net';
import { connect } from 'node:tls';

const HANDSHAKE_TIMEOUT_MS = 5000;
/** RFC 7443; and one of the web's, for firewalls that let nothing else out. What is spoken shows from the first byte on. */
const ALPN = ['stun.turn', 'http/1.1'];

export interface SecureOptions {
  /** Name or address that the certificate must have. */
  readonly host: string;
  /** PEM of the authorities that may sign it; undefined: the system's. */
  readonly ca: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** TLS over a connected socket. @throws the TLS error; CodedError TIMEOUT; ABORTED. The socket is destroyed then. */
export async function secure(socket: Socket, { host, ca, clock, signal }: SecureOptions): Promise<Socket> {
  const late = new AbortController();
  const deadline = clock.setTimeout(() => late.abort(), HANDSHAKE_TIMEOUT_MS);
  const servername = isIP(host) === 0 ? host.replace(/\.$/, '') : '';
  const secured = connect({ socket, host, servername, ALPNProtocols: ALPN, ...(ca !== undefined && { ca }) });
  // What is given up may fail yet.
  const ignored = () => undefined;
  secured.on('error', ignored);
  try {
    await once(secured, 'secureConnect', { signal: AbortSignal.any([signal, late.signal]) });
    secured.off('error', ignored);
    return secured;
  } catch (error) {
    secured.destroy();
    socket.destroy();
    if (signal.aborted) throw new CodedError('ABORTED', 'stopped during the TLS handshake');
    if (late.signal.aborted) throw new CodedError('TIMEOUT', 'the TLS handshake was not answered');
    throw error;
  } finally {
    deadline[Symbol.dispose]();
  }
}
