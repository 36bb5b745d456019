// Sends what no honest program would to a UDP port and a TCP port, for some time. Arguments: udp ip:port, tcp ip:port, ms.
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const [udp, tcp, durationMs] = process.argv.slice(2);
const [udpIp, udpPort] = udp.split(':');
const [tcpIp, tcpPort] = tcp.split(':');
const BURST = 20;
const PAUSE_MS = 5;

/** A STUN Binding request and the four messages of WireGuard, by header and length. */
const honest = [
  Buffer.concat([Buffer.from('000100002112a442', 'hex'), randomBytes(12)]),
  Buffer.concat([
    Buffer.from('0101000c2112a442', 'hex'),
    randomBytes(12),
    Buffer.from('002000080001a147e112a643', 'hex'),
  ]),
  Buffer.concat([Buffer.from('01000000', 'hex'), randomBytes(144)]),
  Buffer.concat([Buffer.from('02000000', 'hex'), randomBytes(88)]),
  Buffer.concat([Buffer.from('03000000', 'hex'), randomBytes(60)]),
  Buffer.concat([Buffer.from('04000000', 'hex'), randomBytes(92)]),
  Buffer.concat([Buffer.from('40010008', 'hex'), randomBytes(8)]),
];

function mutated() {
  const datagram = Buffer.from(honest[randomInt(honest.length)]);
  for (let flips = randomInt(4); flips > 0; flips -= 1) datagram[randomInt(datagram.length)] ^= 1 << randomInt(8);
  return datagram.subarray(0, randomInt(4) === 0 ? randomInt(datagram.length) : datagram.length);
}

const kinds = [
  () => Buffer.alloc(0),
  () => randomBytes(1 + randomInt(3)),
  () => randomBytes(randomInt(1400)),
  mutated,
  mutated,
];

const requests = [
  () => randomBytes(1 + randomInt(2000)),
  () => 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  () =>
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
  () => `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
];

let datagrams = 0;
let connections = 0;
const socket = createSocket('udp4');
const end = Date.now() + Number(durationMs);
while (Date.now() < end) {
  for (let one = 0; one < BURST; one += 1) {
    socket.send(kinds[randomInt(kinds.length)](), Number(udpPort), udpIp);
    datagrams += 1;
  }
  const client = connect(Number(tcpPort), tcpIp);
  client.on('error', () => undefined);
  client.on('data', () => client.write(randomBytes(1 + randomInt(300))));
  client.write(requests[randomInt(requests.length)]());
  setTimeout(() => client.destroy(), 200);
  connections += 1;
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
socket.close();
process.stdout.write(JSON.stringify({ datagrams, connections }));
