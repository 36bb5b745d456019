// Runs in the servers' namespace: tells each datagram's sender how it was seen. Arguments: ip:port to listen on.
// A datagram "IP:PORT" is answered from that socket instead.
import { createSocket } from 'node:dgram';

const sockets = new Map();
for (const address of process.argv.slice(2)) {
  const [ip, port] = address.split(':');
  const socket = createSocket('udp4');
  sockets.set(address, socket);
  socket.on('message', (message, from) => {
    const through = sockets.get(String(message)) ?? socket;
    through.send(`${address} ${from.address}:${from.port}`, from.port, from.address);
  });
  await new Promise((resolve) => socket.bind(Number(port), ip, resolve));
}
process.stdout.write('ready\n');
