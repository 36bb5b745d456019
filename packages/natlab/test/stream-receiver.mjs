// Receives what stream-sender.mjs sends until SIGTERM, then prints what became of it. Arguments: ip:port to listen on.
import { createSocket } from 'node:dgram';
import { unixNs, watchPauses } from './stream-clock.mjs';

const [ip, port] = process.argv[2].split(':');
/** Silence that is worth telling of. */
const GAP_MS = 10;
const RECEIVE_BUFFER_BYTES = 4 << 20;

/** By number: ms from sending to arrival. */
const delaysMs = [];
const gaps = [];
let duplicates = 0;
let lastAtMs;
const pauses = watchPauses();

const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
socket.on('message', (datagram) => {
  const now = unixNs();
  const number = datagram.readUInt32BE(0);
  const atMs = Number(now) / 1e6;
  if (lastAtMs !== undefined && atMs - lastAtMs > GAP_MS) gaps.push({ atMs: lastAtMs, lengthMs: atMs - lastAtMs });
  lastAtMs = atMs;
  if (delaysMs[number] !== undefined) duplicates += 1;
  else delaysMs[number] = Number(now - datagram.readBigUInt64BE(4)) / 1e6;
});
socket.bind(Number(port), ip, () => process.stdout.write('ready\n'));
process.on('SIGTERM', () => {
  process.stdout.write(
    JSON.stringify({ delaysMs: delaysMs.map((delay) => Math.round(delay)), gaps, duplicates, pauses: pauses() }),
  );
  process.exit(0);
});
