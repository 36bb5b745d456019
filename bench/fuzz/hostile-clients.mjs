/** Clients of the rendezvous server that keep to nothing: broken HTTP, broken and oversized frames, publishing unregistered. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const AT_ONCE = 32;
const GIVE_UP_MS = 1500;
const UPGRADE =
  'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: rendezvous.v1\r\n';

const requests = [
  (random) => random.bytes(1 + random.int(2000)),
  () => 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  () => 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n',
  () => 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
  (random) => `GET /${'a'.repeat(random.int(40_000))} HTTP/1.1\r\n`,
  (random) => `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(random.int(100_000))}\r\n\r\n`,
  () => `${UPGRADE}Sec-WebSocket-Key: short\r\n\r\n`,
  () => `${UPGRADE.replace('13', '99')}Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
];

const frames = [
  (random) => random.bytes(1 + random.int(300)),
  // A publish and a registration from nobody.
  (random) => frame(2, Buffer.concat([Buffer.of(4), random.bytes(32 + random.int(400))]), random),
  (random) => frame(2, Buffer.concat([Buffer.of(2), random.bytes(64), Buffer.from('ws://127.0.0.1:7000/')]), random),
  (random) => frame(2, random.bytes(random.int(200)), random),
  (random) => frame(1, random.bytes(random.int(64)), random),
  (random) => frame(random.int(16), random.bytes(random.int(126)), random),
  (random) => frame(2, random.bytes(40_000), random),
  // Says that 2^63 bytes follow.
  (random) => Buffer.concat([Buffer.from('82ff7fffffffffffffff', 'hex'), random.bytes(64)]),
  // Continuations without end.
  (random) =>
    Buffer.concat(Array.from({ length: 40 }, (_, i) => frame(i === 0 ? 0x102 : 0x100, random.bytes(8), random))),
];

/** A client's frame (RFC 6455, section 5.2); bit 8 of the opcode leaves FIN out. */
function frame(opcode, payload, random) {
  const mask = random.bytes(4);
  const header = payload.length < 126 ? Buffer.alloc(2) : Buffer.alloc(4);
  header[0] = (opcode & 0x100 ? 0 : 0x80) | (opcode & 0x0f);
  header[1] = 0x80 | (payload.length < 126 ? payload.length : 126);
  if (payload.length >= 126) header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, mask, payload.map((byte, i) => byte ^ mask[i & 3])]);
}

/** @returns how many connections were made and refused. */
export async function hostileClients({ address, port }, random, count, { signal, onProgress }) {
  const outcome = { connections: 0, refused: 0 };
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      signal.throwIfAborted();
      const connected = await oneClient(address, port, random);
      outcome[connected ? 'connections' : 'refused'] += 1;
      onProgress(outcome.connections + outcome.refused);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return outcome;
}

/** @returns whether the server took the connection. */
function oneClient(address, port, random) {
  return new Promise((resolve) => {
    const upgrades = random.oneIn(2);
    const localAddress = `127.2.${random.int(256)}.${1 + random.int(254)}`;
    const socket = connect({ host: address, port, localAddress });
    let connected = false;
    let sent = 0;
    const leaveEarly = random.oneIn(8);
    const end = setTimeout(() => socket.destroy(), random.oneIn(4) ? 50 : GIVE_UP_MS);
    socket.on('connect', () => {
      connected = true;
      const key = random.bytes(16).toString('base64');
      socket.write(upgrades ? `${UPGRADE}Sec-WebSocket-Key: ${key}\r\n\r\n` : random.pick(requests)(random));
      if (leaveEarly) socket.destroy();
    });
    socket.on('data', () => {
      if (upgrades && sent++ < 4) socket.write(random.pick(frames)(random));
      else socket.end();
    });
    // Being cut off is what it is for.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(end);
      resolve(connected);
    });
  });
}
