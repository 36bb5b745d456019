// Sends a datagram to each `host:port` of its arguments about every ms, until it is killed. `68>host:67` sends from port 68.
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { setInterval } from 'node:timers';

const targets = process.argv.slice(2).map((text) => {
  const [, from, host, port] = /^(?:(\d+)>)?(.*):(\d+)$/.exec(text);
  const socket = createSocket(isIPv6(host.split('%')[0]) ? 'udp6' : 'udp4');
  // What the system refuses to send is what this is about.
  socket.on('error', () => undefined);
  socket.bind(Number(from ?? 0));
  return { socket, host, port: Number(port) };
});
setInterval(() => {
  for (const { socket, host, port } of targets) socket.send('in the clear', port, host, () => undefined);
}, 1);
