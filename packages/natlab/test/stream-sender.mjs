// Sends numbered datagrams at a steady rate until SIGTERM, then prints what it sent. Arguments: to ip:port, per second.
import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { setInterval } from 'node:timers';
import { unixNs, watchPauses } from './stream-clock.mjs';

const [to, perSecond] = process.argv.slice(2);
const [ip, port] = to.split(':');
const TICK_MS = 1;
const SIZE_BYTES = 100;

const socket = createSocket('udp4');
const pauses = watchPauses();
const startedAt = performance.now();
let sent = 0;
setInterval(() => {
  // After a pause of the process the missing ones go out at once, as those of a program that was late would.
  const due = Math.floor(((performance.now() - startedAt) * Number(perSecond)) / 1000);
  for (; sent < due; sent += 1) {
    const datagram = Buffer.alloc(SIZE_BYTES);
    datagram.writeUInt32BE(sent, 0);
    datagram.writeBigUInt64BE(unixNs(), 4);
    socket.send(datagram, Number(port), ip, () => undefined);
  }
}, TICK_MS);
socket.on('error', () => undefined);
process.on('SIGTERM', () => {
  process.stdout.write(JSON.stringify({ sent, pauses: pauses() }));
  process.exit(0);
});
