/**
 * A process of its own: handshake initiations for one device, each with a right mac1 and otherwise random, so that the device has
 * to look into them, from addresses of 198.18.0.0/15 (RFC 2544). They are forged; with `cookies` as the last word they are those of
 * somebody who has them all, and proves each with the cookie that it is sent (then the network has to lead here, with a local
 * route). Prints a line when it begins; ends at SIGTERM and prints how many went out.
 *   node handshake-flood.mjs ADDRESS PORT PUBLIC_KEY SOURCES PER_SECOND [cookies]      as root on Linux; 0: as many as can be
 */
import { createSocket } from 'node:dgram';
import { randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { PacketMemory, processFunctions } from '../../packages/linux/dist/index.js';
import { sodiumAead } from '../../packages/transport-wg/dist/protocol/aead.js';
import { CookieGenerator } from '../../packages/transport-wg/dist/protocol/cookie.js';
import { parseKey } from '../../packages/transport-wg/dist/protocol/keys.js';
import { decodeCookieReply } from '../../packages/transport-wg/dist/protocol/messages.js';

const [address, port, publicKey, sourcesText, perSecondText, cookies] = process.argv.slice(2);
const sources = Number(sourcesText);
const perSecond = Number(perSecondText);

const [AF_INET, SOCK_RAW, IPPROTO_RAW, IPPROTO_UDP] = [2, 3, 255, 17];
const [IP_HEADER_BYTES, UDP_HEADER_BYTES, INITIATION_BYTES] = [20, 8, 148];
const SOURCE_PORT = 51_000;
const MAC1_AT = INITIATION_BYTES - 32;
const PACKET_BYTES = IP_HEADER_BYTES + UDP_HEADER_BYTES + INITIATION_BYTES;
const [SOCKADDR_IN_BYTES, MMSGHDR_BYTES, IOVEC_BYTES] = [16, 64, 16];
/** Per system call; a divisor of how many there are is not needed. */
const BATCH = 64;
const TICK_MS = 1;

const memory = new PacketMemory(sources * (256 + MMSGHDR_BYTES + IOVEC_BYTES) + (1 << 16));
const to = memory.reserve(SOCKADDR_IN_BYTES);
const messages = memory.reserve(sources * MMSGHDR_BYTES);
const vectors = memory.reserve(sources * IOVEC_BYTES);
const addressBytes = address.split('.').map(Number);
memory.view.setUint16(to, AF_INET, true);
memory.bytes.set(addressBytes, to + 4);

const aead = sodiumAead();
const remoteKey = parseKey(publicKey);
const macs = Array.from({ length: sources }, () => new CookieGenerator(aead, remoteKey));
const initiations = [];
for (let i = 0; i < sources; i += 1) {
  const packet = memory.reserve(PACKET_BYTES);
  writePacket(packet, i);
  memory.setPointer(vectors + i * IOVEC_BYTES, packet);
  memory.u32[(vectors + i * IOVEC_BYTES + 8) >>> 2] = PACKET_BYTES;
  const message = messages + i * MMSGHDR_BYTES;
  memory.setPointer(message, to);
  memory.u32[(message + 8) >>> 2] = SOCKADDR_IN_BYTES;
  memory.setPointer(message + 16, vectors + i * IOVEC_BYTES);
  memory.u32[(message + 24) >>> 2] = 1;
}

/** IPv4 without its checksum, which the kernel fills in, and UDP without one, as RFC 768 allows. */
function writePacket(offset, i) {
  const { bytes, view } = memory;
  bytes.set([0x45, 0], offset);
  view.setUint16(offset + 2, PACKET_BYTES);
  bytes.set([64, IPPROTO_UDP], offset + 8);
  bytes.set([198, 18 + (i >> 16), (i >> 8) & 255, i & 255, ...addressBytes], offset + 12);
  const udp = offset + IP_HEADER_BYTES;
  view.setUint16(udp, SOURCE_PORT);
  view.setUint16(udp + 2, Number(port));
  view.setUint16(udp + 4, UDP_HEADER_BYTES + INITIATION_BYTES);
  const initiation = bytes.subarray(udp + UDP_HEADER_BYTES, udp + UDP_HEADER_BYTES + INITIATION_BYTES);
  randomFillSync(initiation.subarray(0, MAC1_AT));
  initiation.set([1, 0, 0, 0]);
  // The sender's index, which a cookie reply names.
  view.setUint32(udp + UDP_HEADER_BYTES + 4, i, true);
  macs[i].addMacs(initiation, 0);
  initiations.push(initiation);
}

let proven = 0;
if (cookies === 'cookies') {
  const replies = createSocket('udp4');
  replies.on('message', (message) => {
    const reply = decodeCookieReply(message);
    if (!macs[reply?.receiver]?.consumeReply(reply, 0)) return;
    macs[reply.receiver].addMacs(initiations[reply.receiver], 0);
    proven += 1;
  });
  replies.unref().bind(SOURCE_PORT);
}

const bind = processFunctions();
const socket = bind('socket', 'int', ['int', 'int', 'int'])(AF_INET, SOCK_RAW, IPPROTO_RAW);
if (socket < 0) throw new Error('no raw socket: needs root on Linux');
const sendmmsg = bind('sendmmsg', 'int', ['int', 'uint64', 'uint32', 'int']);

let sent = 0;
let ended = false;
process.on('SIGTERM', () => (ended = true));

/** @returns how many the kernel took. */
function sendUpTo(count) {
  const first = sent % sources;
  const batch = Math.min(count, BATCH, sources - first);
  const taken = sendmmsg(socket, memory.address + messages + first * MMSGHDR_BYTES, batch, 0);
  // A full queue is no reason to end; the same ones are sent again.
  return Math.max(0, taken);
}

process.stdout.write('begins\n');
const startedAt = performance.now();
while (!ended) {
  if (perSecond === 0) {
    for (let i = 0; i < 16; i += 1) sent += sendUpTo(BATCH);
    await nextTurn();
  } else {
    const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000);
    for (let taken = 1; sent < due && taken > 0;) sent += taken = sendUpTo(due - sent);
    await sleep(TICK_MS);
  }
}
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ sent, perSecond: sent / seconds, proven })}\n`);
