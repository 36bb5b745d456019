import { StreamFrames, streamPadding } from '@wirepath/stun-codec';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export const fixture = (name: string) => new URL(`./fixtures/${name}`, import.meta.url).pathname;

export interface StreamFront {
  readonly port: number;
  /** Connections that stand. */
  readonly sockets: ReadonlySet<Socket>;
  /** From now on connections are taken, and nothing is read from them. */
  silence(): void;
  close(): Promise<void>;
}

/** A server on loopback over TCP or TLS, each connection of which is handed to `serve`. */
export async function streamServer(
  serve: (socket: Socket) => void,
  { tls = false, ip = '127.0.0.1', protocol = 'stun.turn' }: { tls?: boolean; ip?: string; protocol?: string } = {},
): Promise<StreamFront> {
  const sockets = new Set<Socket>();
  let silent = false;
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    if (!silent) serve(socket);
  };
  const server: Server = tls
    ? createTlsServer(
        {
          cert: await readFile(fixture('test-only-server.crt')),
          key: await readFile(fixture('test-only-server.key')),
          ALPNProtocols: [protocol],
        },
        accept,
      ).on('tlsClientError', () => undefined)
    : createServer(accept);
  await once(server.listen(0, ip), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    silence: () => (silent = true),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Carries a TURN server that speaks UDP over streams: a UDP socket for each connection. What it sends comes cut by `cut`. */
export function inFrontOf(
  to: { ip: string; port: number },
  cut: (bytes: Buffer) => readonly Buffer[] = (all) => [all],
) {
  return (stream: Socket): void => {
    const frames = new StreamFrames();
    const udp = createSocket(to.ip.includes(':') ? 'udp6' : 'udp4');
    udp.on('message', (bytes) => {
      for (const part of cut(Buffer.concat([bytes, streamPadding(bytes.length)]))) stream.write(part);
    });
    stream.on('data', (bytes) => {
      for (const message of frames.push(bytes)) udp.send(message, to.port, to.ip);
      if (frames.isBroken) stream.destroy();
    });
    stream.on('close', () => udp.close());
  };
}
