import { createSocket } from 'node:dgram';

/** A port that nobody has now; for programs that cannot say which they took. */
export async function freeUdpPort(ip: string): Promise<number> {
  const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve) => socket.bind(0, ip, resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}
