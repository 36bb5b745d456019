/** What sealing and opening a packet costs with each cipher that a node may take, against the fastest that works here. */
import { choosePacketCipher } from '../packages/transport-wg/dist/crypto/choose-packet-cipher.js';
import { CIPHER_MARGIN_BYTES, PACKET_CIPHERS } from '../packages/transport-wg/dist/crypto/packet-cipher.js';
import { PacketMemory } from '../packages/linux/dist/index.js';
import { readOptions } from './lib/options.mjs';
import { rates } from './lib/rate.mjs';
import { table } from './lib/table.mjs';

const options = readOptions('usage: node bench/ciphers.mjs [--json]', {});
/** An acknowledgement, the middle of the Internet Mix, and what fills a tunnel's MTU. */
const SIZES = [64, 576, 1420];
const ROOM_BYTES = 2048;

const memory = new PacketMemory(1 << 20);
const [plain, sealed, opened] = [0, 1, 2].map(() => memory.reserve(ROOM_BYTES) + CIPHER_MARGIN_BYTES);
const keyBytes = new Uint8Array(32).fill(1);

function cipherHere(name) {
  try {
    return choosePacketCipher(memory, name).cipher;
  } catch (error) {
    process.stderr.write(`${name} is left out: ${error.message}\n`);
    return undefined;
  }
}

const ciphers = PACKET_CIPHERS.map(cipherHere).filter((cipher) => cipher !== undefined);
const report = SIZES.flatMap((sizeBytes) => {
  const calls = ciphers.flatMap((cipher) => {
    // As in a tunnel: one key for each direction.
    const [sealing, opening] = [cipher.key(keyBytes), cipher.key(keyBytes)];
    const seal = () => sealing.seal(0, 1, plain, sizeBytes, sealed);
    const open = () => {
      if (!opening.open(0, 1, sealed, sizeBytes, opened)) throw new Error(`${cipher.name} refuses its own packet`);
    };
    seal();
    return [
      [`${cipher.name} seal`, seal],
      [`${cipher.name} open`, open],
    ];
  });
  const perSecond = rates(Object.fromEntries(calls));
  const both = (name) => 1e9 / perSecond[`${name} seal`] + 1e9 / perSecond[`${name} open`];
  const fastest = Math.min(...ciphers.map(({ name }) => both(name)));
  return ciphers.map(({ name }) => ({
    cipher: name,
    sizeBytes,
    sealNanoseconds: 1e9 / perSecond[`${name} seal`],
    openNanoseconds: 1e9 / perSecond[`${name} open`],
    timesTheFastest: both(name) / fastest,
  }));
});

if (options.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
else {
  const rows = report.map((row) => [
    row.cipher,
    row.sizeBytes,
    row.sealNanoseconds,
    row.openNanoseconds,
    row.timesTheFastest,
  ]);
  process.stdout.write(`${table([['cipher', 'bytes', 'seal, ns', 'open, ns', 'times the fastest'], ...rows])}\n`);
}
