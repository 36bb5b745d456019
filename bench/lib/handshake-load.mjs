/**
 * A process of its own: every second so many of a device's peers, each once, begin a handshake with it. Prints how many were answered.
 *   node handshake-load.mjs ADDRESS PORT PUBLIC_KEY PER_SECOND FILE      FILE: the peers' private keys, base64, as JSON
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { sodiumAead } from '../../packages/transport-wg/dist/protocol/aead.js';
import { CookieGenerator } from '../../packages/transport-wg/dist/protocol/cookie.js';
import { dh, dhKeyPair, KEY_BYTES } from '../../packages/transport-wg/dist/protocol/crypto.js';
import { generatePrivateKey, parseKey } from '../../packages/transport-wg/dist/protocol/keys.js';
import { createInitiation } from '../../packages/transport-wg/dist/protocol/noise.js';
import { Tai64nClock } from '../../packages/transport-wg/dist/protocol/tai64n.js';

const [address, port, publicKey, perSecond, file] = process.argv.slice(2);
const [MESSAGE_RESPONSE, RESPONSE_BYTES] = [2, 92];
const LAST_ANSWERS_MS = 500;

const aead = sodiumAead();
const clock = new Tai64nClock();
const remoteKey = parseKey(publicKey);

/** @returns the initiation that the owner of this key sends. */
function initiationOf(privateKey, index) {
  const local = dhKeyPair(parseKey(privateKey));
  const staticStatic = dh(local.privateKey, remoteKey);
  const remote = { publicKey: remoteKey, presharedKey: new Uint8Array(KEY_BYTES), staticStatic };
  const ephemeral = generatePrivateKey();
  const { datagram } = createInitiation(aead, local, remote, index + 1, clock.stamp(Date.now()), ephemeral);
  new CookieGenerator(aead, remoteKey).addMacs(datagram, 0);
  return datagram;
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
