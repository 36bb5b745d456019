/**
 * A process of its own: every second so many of a device's peers, each once, begin a handshake with it. Prints how many were answered.
 *   node handshake-load.mjs ADDRESS PORT PUBLIC_KEY PER_SECOND FILE      FILE: the peers' private keys, base64, as JSON
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Device } from '../../packages/transport-wg/dist/protocol/device.js';
import { parseKey } from '../../packages/transport-wg/dist/protocol/keys.js';

const [address, port, publicKey, perSecond, file] = process.argv.slice(2);
const [MESSAGE_RESPONSE, RESPONSE_BYTES] = [2, 92];
const LAST_ANSWERS_MS = 500;

/** @returns the initiation that the owner of this key sends. */
function initiationOf(privateKey) {
  let initiation;
  const nothing = () => undefined;
  const sink = {
    send: (datagram) => (initiation = Buffer.from(datagram)),
    reply: nothing,
    deliver: nothing,
    onHandshake: nothing,
    onAuthenticated: nothing,
    onSent: nothing,
    onPathWanted: nothing,
  };
  const device = new Device({
    privateKey: parseKey(privateKey),
    sink,
    samePath: (a, b) => a === b,
    sourceBytes: () => new Uint8Array(6),
    wallClockMs: () => Date.now(),
  });
  device.addPeer({ publicKey, allowedIps: [], roaming: false, paths: ['path'] }, 0);
  device.initiateHandshake(publicKey, 0);
  return initiation;
}

const initiations = JSON.parse(readFileSync(file, 'utf8')).map(initiationOf);
const socket = createSocket('udp4');
let answered = 0;
socket.on('message', (message) => {
  if (message[0] === MESSAGE_RESPONSE && message.length === RESPONSE_BYTES) answered += 1;
});
for (const initiation of initiations) {
  socket.send(initiation, Number(port), address);
  await sleep(1000 / Number(perSecond));
}
await sleep(LAST_ANSWERS_MS);
socket.close();
process.stdout.write(`${JSON.stringify({ answered })}\n`);
