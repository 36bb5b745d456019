/** WireGuard handshakes per second, both sides in one thread, against the X25519 that a handshake cannot do without. */
import { diffieHellman, generateKeyPairSync } from 'node:crypto';
import { DevicePair } from './lib/device-pair.mjs';
import { readOptions } from './lib/options.mjs';
import { rates } from './lib/rate.mjs';
import { table } from './lib/table.mjs';

const USAGE = 'usage: node bench/handshake.mjs [--json]';
const options = readOptions(USAGE, {});

/** Each side makes an ephemeral key and agrees three times; static with static was agreed on when the peer was added. */
const KEYS_PER_HANDSHAKE = 2;
const AGREEMENTS_PER_HANDSHAKE = 6;
/** Virtual time between two handshakes: past REKEY_TIMEOUT, and slow enough that nobody asks for a cookie. */
const INTERVAL_MS = 6000;

const pair = new DevicePair();
const completed = () => pair.devices[0].peer(pair.publicKeys[1]).counters.handshakesCompleted;

function handshake() {
  pair.now += INTERVAL_MS;
  pair.devices[0].initiateHandshake(pair.publicKeys[1], pair.now);
}

const { privateKey } = generateKeyPairSync('x25519');
const { publicKey } = generateKeyPairSync('x25519');
let asked = 0;
const measured = rates({
  handshake: () => {
    asked += 1;
    handshake();
  },
  agreement: () => diffieHellman({ privateKey, publicKey }),
  keyPair: () => generateKeyPairSync('x25519'),
});
if (completed() !== asked) throw new Error(`${completed()} of ${asked} handshakes were completed`);

const bareMicroseconds =
  (KEYS_PER_HANDSHAKE * 1e6) / measured.keyPair + (AGREEMENTS_PER_HANDSHAKE * 1e6) / measured.agreement;
const report = {
  handshakesPerSecond: measured.handshake,
  handshakeMicroseconds: 1e6 / measured.handshake,
  x25519Microseconds: bareMicroseconds,
  ratio: 1e6 / measured.handshake / bareMicroseconds,
};
if (options.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
else {
  const rows = [
    ['both sides of one handshake', 'us', 'per second'],
    ['WireGuard handshake', report.handshakeMicroseconds, Math.round(measured.handshake)],
    ['its X25519 alone', bareMicroseconds, Math.round(1e6 / bareMicroseconds)],
    ['ratio', report.ratio, ''],
  ];
  process.stdout.write(`${table(rows)}\n`);
}
