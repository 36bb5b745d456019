// Clients of a relay and their peers in one process: each client has a channel to a peer that sends everything back. Driven by
// bench/relay.mjs over IPC: { port, clients, sizeBytes, perSecond, seconds, credentials } in; `begin`, `end` and a result out.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { PacketMemory, socketAddress, socketDescriptor, UDP_BATCHES_BYTES, UdpBatches } from '@wirepath/linux';
import { decodeStunMessage, encodeStunMessage, longTermKey, writeChannelDataHeader } from '@wirepath/stun-codec';

const IP = '127.0.0.1';
const CHANNEL = 0x4000;
const HEADER_BYTES = 4;
/** At saturation: on their way of each client. */
const WINDOW = 32;
const SLOTS = 4096;
const SLOT_BYTES = 2048;
const WARM_UP_SECONDS = 2;

const memory = new PacketMemory(UDP_BATCHES_BYTES + SLOTS * SLOT_BYTES);
const batches = new UdpBatches(memory);
const slots = memory.reserve(SLOTS * SLOT_BYTES);
let nextSlot = 0;

/** @returns `socket`, for what is said before the load, and `batched`, in its place afterwards. */
async function open() {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
  socket.bind(0, IP);
  await once(socket, 'listening');
  return socket;
}

function takeOver(socket, receiver) {
  const { port } = socket.address();
  const batched = batches.adopt(socketDescriptor(socket), 4, port);
  socket.close();
  batched.start({ source: (address) => address, batchEnd: () => undefined, failed: () => undefined, ...receiver });
  return batched;
}

async function ask(socket, port, fields) {
  const transactionId = randomBytes(12);
  const bytes = encodeStunMessage({ ...fields, class: 'request', transactionId });
  for (let tries = 0; tries < 5; tries += 1) {
    socket.send(bytes, port, IP);
    const timer = sleep(500 * 2 ** tries);
    const answer = await Promise.race([once(socket, 'message'), timer]);
    if (answer !== undefined) return decodeStunMessage(answer[0]);
  }
  throw new Error(`${fields.method} was not answered`);
}

async function client({ port, sizeBytes, credentials: { username, secret, realm } }, counts) {
  const [socket, peerSocket] = [await open(), await open()];
  const { nonce } = await ask(socket, port, { method: 'allocate', requestedTransport: 17 });
  const signed = { username, realm, nonce, integrityKey: longTermKey(username, realm, secret) };
  const peerAddresses = [{ family: 4, ip: IP, port: peerSocket.address().port }];
  for (const fields of [
    { method: 'allocate', requestedTransport: 17 },
    { method: 'channel-bind', channelNumber: CHANNEL, peerAddresses },
  ]) {
    const answer = await ask(socket, port, { ...fields, ...signed });
    if (answer.class !== 'success') throw new Error(`${fields.method}: ${JSON.stringify(answer.errorCode)}`);
  }
  const relay = socketAddress(IP, port);
  const peer = takeOver(peerSocket, {
    datagram: (offset, size, from) => peer.send(offset, size, from),
    batchEnd: () => peer.flush(),
  });
  const one = { outstanding: 0 };
  const batched = takeOver(socket, {
    datagram(offset, size) {
      if (size !== sizeBytes + HEADER_BYTES) return;
      one.outstanding -= 1;
      counts.received += 1;
      const sentAt = memory.view.getFloat64(offset + HEADER_BYTES);
      if (sentAt >= counts.from) counts.roundTripsMs.push(performance.now() - sentAt);
    },
    batchEnd: () => counts.onReceived(one),
  });
  one.send = () => {
    const offset = slots + (nextSlot++ % SLOTS) * SLOT_BYTES;
    writeChannelDataHeader(memory.bytes, CHANNEL, sizeBytes, offset);
    memory.view.setFloat64(offset + HEADER_BYTES, performance.now());
    batched.send(offset, sizeBytes + HEADER_BYTES, relay);
    one.outstanding += 1;
    counts.sent += 1;
  };
  one.flush = () => batched.flush();
  return one;
}

function fill(one) {
  while (one.outstanding < WINDOW) one.send();
  one.flush();
}

/** One datagram at a time, evenly spread. */
async function pace(all, perSecond, untilMs) {
  const startedAt = performance.now();
  for (let n = 0; performance.now() < untilMs;) {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond);
    for (; n < due; n += 1) {
      const one = all[n % all.length];
      one.send();
      one.flush();
    }
    await nextTurn();
  }
}

process.once('message', async (load) => {
  const counts = { sent: 0, received: 0, roundTripsMs: [], from: Infinity, onReceived: () => undefined };
  const all = [];
  for (let n = 0; n < load.clients; n += 1) all.push(await client(load, counts));
  const run = async (seconds) => {
    if (load.perSecond > 0) return pace(all, load.perSecond, performance.now() + seconds * 1000);
    counts.onReceived = fill;
    for (const one of all) fill(one);
    await sleep(seconds * 1000);
  };
  await run(WARM_UP_SECONDS);
  const before = counts.received;
  counts.from = performance.now();
  process.send('begin');
  await run(load.seconds);
  process.send('end');
  const received = counts.received - before;
  counts.onReceived = () => undefined;
  await sleep(500);
  const sorted = Float64Array.from(counts.roundTripsMs).sort();
  const at = (part) => sorted[Math.floor(part * (sorted.length - 1))];
  // There and back.
  process.send({
    relayed: 2 * received,
    lost: counts.sent - counts.received,
    medianMs: at(0.5),
    p99Ms: at(0.99),
  });
  process.disconnect();
  process.exit(0);
});
