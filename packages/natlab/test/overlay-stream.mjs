/** A tunnel over TCP: `overlay-stream.mjs DEVICE listen|connect ADDRESS`. Each packet is sealed, with its length before it. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { BatchedTun, PacketMemory, TUN_BYTES } from '../../linux/dist/index.js';

const [, , name, role, address] = process.argv;
const PORT = 51901;
/** A lab has no secrets. */
const KEY = Buffer.alloc(32, 7);
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const LENGTH_BYTES = 2;

const PACKET_BYTES = 65_536;

const memory = new PacketMemory(TUN_BYTES + PACKET_BYTES);
const place = memory.reserve(PACKET_BYTES);
const device = BatchedTun.open(name, memory);

function seal(packet) {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', KEY, nonce);
  const sealed = Buffer.concat([nonce, cipher.update(packet), cipher.final(), cipher.getAuthTag()]);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt16BE(sealed.length);
  return Buffer.concat([length, sealed]);
}

function open(sealed) {
  const cipher = createDecipheriv('aes-256-gcm', KEY, sealed.subarray(0, NONCE_BYTES));
  cipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([cipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), cipher.final()]);
}

function carry(socket) {
  socket.setNoDelay(true);
  let waiting = Buffer.alloc(0);
  socket.on('error', () => process.exit(1));
  socket.on('data', (bytes) => {
    waiting = Buffer.concat([waiting, bytes]);
    while (waiting.length >= LENGTH_BYTES && waiting.length >= LENGTH_BYTES + waiting.readUInt16BE(0)) {
      const end = LENGTH_BYTES + waiting.readUInt16BE(0);
      const packet = open(waiting.subarray(LENGTH_BYTES, end));
      memory.bytes.set(packet, place);
      device.write(place, packet.length);
      device.flush();
      waiting = waiting.subarray(end);
    }
  });
  // What does not get through is dropped, as by any device.
  const packet = (offset, sizeBytes) => {
    if (socket.writableLength < 65_536) socket.write(seal(memory.bytes.subarray(offset, offset + sizeBytes)));
  };
  device.start({ packet, batchEnd: () => undefined, lost: () => process.exit(1) });
  if (role === 'connect') console.log('ready');
}

if (role === 'listen') createServer(carry).listen(PORT, address, () => console.log('ready'));
else
  connect(PORT, address, function connected() {
    carry(this);
  });
process.on('SIGTERM', () => process.exit(0));
