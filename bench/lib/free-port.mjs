import { createSocket } from 'node:dgram';
import { createServer as createTcpServer } from 'node:net';

/** A port of this address that was free a moment ago, in TCP and UDP. */
export async function freePort(address = '127.0.0.1') {
  for (;;) {
    const tcp = createTcpServer();
    await new Promise((resolve, reject) => tcp.once('error', reject).listen(0, address, resolve));
    const { port } = tcp.address();
    const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const free = await new Promise((resolve) => {
      udp.once('error', () => resolve(false));
      udp.bind({ port, address, exclusive: true }, () => resolve(true));
    });
    udp.close();
    await new Promise((resolve) => tcp.close(resolve));
    if (free) return port;
  }
}
