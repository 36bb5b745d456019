/**
 * Floods a STUN/TURN server, run by spoofed.mjs: requests that prove nothing, from a source address that is new every few
 * datagrams (any of 127/8, which on loopback needs no raw socket), or all from one. It sends what the server's receive
 * buffer holds and no more, so what is lost beside it the server has lost. Prints a report when its input ends.
 */
import { encodeStunMessage } from '@wirepath/stun-codec';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { Random } from '../lib/random.mjs';
import { udpSocketsOf, lookAgain } from './sockets.mjs';

const { seed, perSecond, target, pid, source } = JSON.parse(process.argv[2]);
const random = new Random(seed);
const TICK_MS = 5;
/** A quarter of what Linux gives a socket that asks for more than it may have. */
const MAX_QUEUED_BYTES = 100_000;
const SOCKETS = 256;
const EACH = 8;

const kinds = [
  { method: 'binding' },
  { method: 'allocate', requestedTransport: 17 },
  { method: 'refresh', lifetimeSeconds: 0 },
  {
    method: 'allocate',
    username: 'lab',
    realm: 'lab',
    nonce: 'x'.repeat(24),
    integrityKey: Buffer.alloc(16),
    requestedTransport: 17,
  },
].map((fields) => encodeStunMessage({ class: 'request', transactionId: randomBytes(12), ...fields }));

const server = new Map([...udpSocketsOf(pid)].filter(([, { port }]) => port === target.port));
const sockets = [];
const report = { sent: 0, sources: 0, answerBytes: 0, sentBytes: 0, waits: 0 };

function anySource() {
  return source ?? `127.${1 + random.int(254)}.${random.int(256)}.${1 + random.int(254)}`;
}

function open(index) {
  const socket = createSocket({ type: 'udp4', lookup: (address, _options, callback) => callback(null, address, 4) });
  const slot = { socket, left: EACH, ready: false };
  sockets[index] = slot;
  socket.on('error', () => undefined);
  socket.on('message', (bytes) => (report.answerBytes += bytes.length));
  socket.bind({ address: anySource(), port: 0 }, () => {
    slot.ready = true;
    report.sources += 1;
  });
}

for (let i = 0; i < SOCKETS; i++) open(i);

const beganAt = performance.now();
let lookedAt = beganAt;
let at = 0;
const timer = setInterval(() => {
  const queued = Math.max(0, ...[...lookAgain(server).values()].map(({ queuedBytes }) => queuedBytes));
  const due = ((performance.now() - lookedAt) * perSecond) / 1000;
  lookedAt = performance.now();
  if (queued > MAX_QUEUED_BYTES) return void (report.waits += 1);
  for (let i = 0; i < Math.min(due, (perSecond * 4 * TICK_MS) / 1000); i++) {
    const slot = sockets[at++ % SOCKETS];
    if (!slot.ready) continue;
    const bytes = kinds[random.int(kinds.length)];
    slot.socket.send(bytes, target.port, target.address);
    report.sent += 1;
    report.sentBytes += bytes.length;
    if (source === undefined && --slot.left === 0) {
      slot.socket.close();
      open((at - 1) % SOCKETS);
    }
  }
}, TICK_MS);

process.stdin.on('end', () => {
  clearInterval(timer);
  for (const { socket } of sockets) socket.close();
  process.stdout.write(JSON.stringify({ ...report, seconds: (performance.now() - beganAt) / 1000 }));
});
process.stdin.resume();
process.stdout.write('ready\n');
