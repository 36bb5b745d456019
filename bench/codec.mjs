/** What STUN costs: encoding, decoding and checking a connectivity check, and ChannelData, against copying its bytes. */
import { readOptions } from './lib/options.mjs';
import { rates } from './lib/rate.mjs';
import { table } from './lib/table.mjs';
import { randomBytes } from 'node:crypto';
import {
  decodeChannelData,
  decodeStunMessage,
  encodeChannelData,
  encodeStunMessage,
  isStunMessage,
  shortTermKey,
} from '@wirepath/stun-codec';

const options = readOptions('usage: node bench/codec.mjs [--json]', {});
const key = shortTermKey('the password of the check');
/** As the path engine sends it (RFC 8445, section 7.1). */
const fields = {
  class: 'request',
  method: 'binding',
  transactionId: randomBytes(12),
  username: 'remoteuf:localufr',
  priority: 0x7effffff,
  iceControlling: 0x123456789abcdefn,
  useCandidate: true,
  iceCandidateType: { type: 'host' },
  integrityKey: key,
  fingerprint: true,
};
const check = encodeStunMessage(fields);
const payload = Buffer.alloc(1452);
const channelData = encodeChannelData(0x4000, payload);

const COPY = { check: 'copy of a check', data: 'copy of 1452 bytes' };
const measured = rates({
  [COPY.check]: () => Buffer.from(check),
  'is it STUN?': () => isStunMessage(check),
  'decode a check': () => decodeStunMessage(check).username,
  'decode and verify it': () => {
    const message = decodeStunMessage(check);
    return message.verifyFingerprint() && message.verifyIntegrity(key);
  },
  'encode a check': () => encodeStunMessage(fields),
  [COPY.data]: () => Buffer.from(payload),
  'encode ChannelData': () => encodeChannelData(0x4000, payload),
  'decode ChannelData': () => decodeChannelData(channelData),
});
const report = Object.entries(measured).map(([what, perSecond]) => {
  const copy = measured[what.includes('ChannelData') || what === COPY.data ? COPY.data : COPY.check];
  return { what, perSecond, microseconds: 1e6 / perSecond, copies: copy / perSecond };
});
if (options.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
else {
  const rows = report.map(({ what, perSecond, microseconds, copies }) => [
    what,
    Math.round(perSecond),
    microseconds,
    copies,
  ]);
  process.stdout.write(`${table([['what', 'per second', 'us', 'in copies'], ...rows])}\n`);
}
