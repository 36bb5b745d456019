import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** A port that nobody has now, over UDP or TCP; for programs that cannot say which they took. */
export async function freeUdpPort(ip: string): Promise<number> {
  for (;;) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, ip, resolve));
    const { port } = server.address() as { port: number };
    const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4');
    const isFree = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, ip, () => resolve(true));
    });
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    await new Promise<void>((resolve) => server.close(() => resolve()));
    if (isFree) return port;
  }
}
