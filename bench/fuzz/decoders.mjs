/** Everything that reads bytes from outside, called directly: nothing may throw, and what it guards must still work at the end. */
import { createIdentity, generatePrivateKey, systemClock, systemRandom } from '@wirepath/core';
import {
  decodeChannelData,
  decodeStunMessage,
  encodeStunMessage,
  shortTermKey,
  StreamFrames,
  streamPadding,
  transportAddress,
} from '@wirepath/stun-codec';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MessageSeal } from '../../packages/core/dist/shell/sealing/message-seal.js';
import {
  decodeMessage as decodeCallMessage,
  encodeMessage as encodeCallMessage,
} from '../../packages/core/dist/shell/sealing/message-codec.js';
import { decodeRequest, decodeServerMessage } from '../../packages/cli/dist/control/protocol.js';
import { LineSplitter } from '../../packages/cli/dist/control/line-splitter.js';
import { decodeFrame, encodeFrame } from '../../packages/signaling-rendezvous/dist/protocol/message.js';
import { UapiRequestReader } from '../../packages/transport-wg/dist/uapi/request.js';
import { hostileKinds } from './kinds.mjs';
import { figure } from '../lib/table.mjs';
import { mutate } from './mutate.mjs';
import { HostileDevicePair } from './device-pair.mjs';

/** Calls between two looks at the event loop and the clock. */
const CHUNK = 2000;
/** Slow ones (public-key arithmetic) get as many calls as this takes. */
const MAX_CPU_SECONDS = 60;

/** @returns one row per decoder: how many calls, how many were taken for something, what was thrown. */
export async function fuzzDecoders(random, count, say) {
  const rows = [];
  for (const { name, make, decode, afterwards } of decoders(random)) {
    const threw = [];
    let taken = 0;
    const startedAt = performance.now();
    const cpuBefore = cpuSeconds();
    let calls = 0;
    for (; calls < count; calls += 1) {
      if (calls % CHUNK === 0) {
        await nextTurn();
        if (cpuSeconds() - cpuBefore > MAX_CPU_SECONDS) break;
      }
      const input = make();
      try {
        if (decode(input) !== undefined) taken += 1;
      } catch (error) {
        if (threw.length < 10) threw.push(`${error.stack} on ${Buffer.from(input).toString('hex').slice(0, 400)}`);
      }
    }
    const problem = afterwards?.();
    if (problem !== undefined) threw.push(problem);
    const seconds = (performance.now() - startedAt) / 1000;
    rows.push({ name, calls, seconds, taken, threw, cutShort: calls < count });
    say(`${name}: ${figure(calls)} calls in ${figure(seconds)} s`);
  }
  return rows;
}

function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function* decoders(random) {
  const devices = new HostileDevicePair();
  const kinds = hostileKinds(random, {
    samples: [...stunSamples(random), ...devices.samples].map((bytes) => Buffer.from(bytes).toString('hex')),
    publicKeys: devices.publicKeys,
    relayUser: { username: 'lab', credential: 'secret' },
  });
  /** Half of what a decoder gets is meant for it. */
  const mostly = (make) => () => {
    const choice = random.int(8);
    if (choice < 5) return make();
    if (choice === 5) return kinds['0 to 3 bytes']();
    return choice === 6 ? kinds['random bytes']() : kinds['mutated WireGuard']();
  };
  const challenge = { realm: 'lab', nonce: 'abcdefgh' };
  const key = shortTermKey('password');

  yield {
    name: 'STUN: decodeStunMessage and every attribute',
    make: mostly(() => kinds['mutated STUN'](challenge)),
    decode: (bytes) => readWholeStunMessage(bytes, key),
  };
  yield { name: 'TURN: decodeChannelData', make: mostly(kinds.ChannelData), decode: decodeChannelData };
  let frames = new StreamFrames();
  yield {
    name: 'TURN over TCP: StreamFrames',
    make: mostly(() => padded(random.oneIn(2) ? kinds.ChannelData() : kinds['mutated STUN'](challenge))),
    decode: (bytes) => {
      // One stream goes on until it is broken.
      if (frames.isBroken) frames = new StreamFrames();
      return frames.push(bytes)[0];
    },
  };
  yield {
    name: 'WireGuard: Device.handleDatagram',
    make: mostly(kinds['mutated WireGuard']),
    decode: (bytes) => devices.receive(bytes),
    afterwards: () => devices.problem(),
  };
  yield {
    name: 'WireGuard: Device.handlePacket',
    make: () => innerPacket(random),
    decode: (bytes) => devices.send(bytes),
    afterwards: () => devices.problem(),
  };
  const ofRendezvous = rendezvousFrames(random);
  yield {
    name: 'rendezvous: decodeFrame',
    make: mostly(() => mutate(random.pick(ofRendezvous), random)),
    decode: decodeFrame,
  };
  const sealed = sealedMessages();
  yield {
    name: 'signalling: MessageSeal.open',
    make: mostly(() => mutate(random.pick(sealed.samples), random)),
    decode: (bytes) => ('message' in sealed.open(bytes) ? true : undefined),
  };
  yield {
    name: 'signalling: content of an opened message',
    make: mostly(() => mutate(sealed.plain, random)),
    decode: decodeCallMessage,
  };
  const uapi = UAPI_REQUESTS.map((text) => Buffer.from(text));
  yield {
    name: 'UAPI: requests',
    make: mostly(() => mutate(random.pick(uapi), random)),
    decode: (bytes) =>
      new UapiRequestReader().push(Buffer.concat([bytes, Buffer.from('\n\n')])).find(({ kind }) => kind !== 'invalid'),
  };
  const lines = CONTROL_LINES.map((text) => Buffer.from(text));
  yield {
    name: 'control socket: lines',
    make: mostly(() => mutate(random.pick(lines), random)),
    decode: (bytes) => {
      const read = new LineSplitter(4096).push(Buffer.concat([bytes, Buffer.from('\n')]));
      return read.map((line) => decodeRequest(line) ?? decodeServerMessage(line)).find((value) => value !== undefined);
    },
  };
}

function padded(bytes) {
  return Buffer.concat([bytes, streamPadding(bytes.length)]);
}

function readWholeStunMessage(bytes, key) {
  const message = decodeStunMessage(bytes);
  if (message === undefined) return undefined;
  message.verifyFingerprint();
  message.verifyIntegrity(key);
  for (let at = message; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(at))) if (get) void message[name];
  }
  return message;
}

function stunSamples(random) {
  const transactionId = random.bytes(12);
  const address = transportAddress('192.0.2.1', 51820);
  const integrityKey = shortTermKey('password');
  const all = { transactionId, integrityKey, fingerprint: true };
  const check = { username: 'abcd:efgh', priority: 1, iceControlling: 1n, iceCandidateType: { type: 'host' } };
  return [
    encodeStunMessage({ class: 'request', method: 'binding', ...check, ...all }),
    encodeStunMessage({ class: 'success', method: 'binding', mappedAddress: address, ...all }),
    encodeStunMessage({
      class: 'error',
      method: 'allocate',
      errorCode: { code: 401, reason: 'x' },
      realm: 'lab',
      nonce: 'n',
      ...all,
    }),
    encodeStunMessage({ class: 'success', method: 'allocate', relayedAddress: address, lifetimeSeconds: 600, ...all }),
    encodeStunMessage({
      class: 'request',
      method: 'channel-bind',
      channelNumber: 0x4000,
      peerAddresses: [address],
      ...all,
    }),
    encodeStunMessage({
      class: 'indication',
      method: 'data',
      peerAddresses: [address],
      data: random.bytes(60),
      transactionId,
    }),
  ];
}

/** What a kernel, or a program in its place, might route into the tunnel. */
function innerPacket(random) {
  const bytes = random.bytes(random.int(random.oneIn(4) ? 1500 : 64));
  if (bytes.length > 20 && !random.oneIn(4)) {
    bytes[0] = random.pick([0x45, 0x45, 0x46, 0x60, 0x4f]);
    bytes.writeUInt16BE(random.oneIn(2) ? bytes.length : random.int(65536), 2);
    if (random.oneIn(2)) Buffer.from([10, 77, 0, 1 + random.int(4)]).copy(bytes, 16);
  }
  return bytes;
}

function rendezvousFrames(random) {
  const publicKey = Buffer.from(random.bytes(32)).toString('base64');
  const limits = { messagesPerSecond: 1, messageBurst: 1, bytesPerSecond: 1, byteBurst: 1 };
  const sealed = random.bytes(300);
  return [
    { type: 'welcome', serverKey: random.bytes(32), challenge: random.bytes(32), limits },
    { type: 'register', clientKey: random.bytes(32), proof: random.bytes(32), url: 'ws://127.0.0.1:7000/' },
    { type: 'registered', proof: random.bytes(32) },
    { type: 'publish', to: publicKey, sealed },
    { type: 'message', from: publicKey, sealed },
    { type: 'undeliverable', to: publicKey },
    { type: 'available', publicKey },
  ].map(encodeFrame);
}

function sealedMessages() {
  const [sender, recipient] = [createIdentity(generatePrivateKey()), createIdentity(generatePrivateKey())];
  const sealOf = (identity) => new MessageSeal(identity, systemClock, systemRandom);
  const id = { runId: '0123456789abcdef', generation: 1, revision: 2 };
  const message = {
    ...id,
    ufrag: 'ufrag',
    password: 'passwordpassword',
    call: true,
    natBehavior: { mapping: 'endpoint-independent', filtering: null },
    seen: id,
    candidates: [{ type: 'host', address: transportAddress('192.0.2.1', 51820), priority: 1 }],
    asksForEvidence: true,
    evidence: [
      {
        base: 'socket',
        family: 4,
        remote: transportAddress('192.0.2.1', 51820),
        connection: 'direct',
        state: 'failed',
        inUse: false,
        checksSent: 7,
        responses: 0,
        checksReceived: 0,
      },
    ],
  };
  const from = sealOf(sender);
  const to = sealOf(recipient);
  return {
    plain: encodeCallMessage({ time: '4000000065f0c0de00000000', message }),
    samples: Array.from({ length: 8 }, () => from.seal(recipient.publicKey, message)),
    open: (bytes) => to.open(sender.publicKey, bytes, () => true),
  };
}

const HEX_KEY = 'b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33';
const UAPI_REQUESTS = [
  'get=1\n\n',
  `set=1\nprivate_key=${HEX_KEY}\nlisten_port=12912\nfwmark=0\nreplace_peers=true\n\n`,
  `set=1\npublic_key=${HEX_KEY}\nendpoint=[abcd:23::33%2]:51820\nallowed_ip=192.168.4.4/32\npersistent_keepalive_interval=25\n\n`,
  `set=1\npublic_key=${HEX_KEY}\nupdate_only=true\nreplace_allowed_ips=true\nallowed_ip=-10.0.0.0/8\nprotocol_version=1\n\n`,
  `set=1\npublic_key=${HEX_KEY}\nremove=true\n\n`,
];
const CONTROL_LINES = [
  '{"id":1,"method":"status"}',
  '{"id":2,"method":"ping","params":{"peer":"b","timeoutMs":1000}}',
  '{"id":3,"method":"watch","params":{"intervalMs":1000}}',
  '{"id":4,"result":{"node":{}}}',
  '{"id":5,"error":{"code":"CONFIG","message":"m","subject":null,"advice":null}}',
  '{"hello":{"protocol":1,"product":"wirepath","version":"1","pid":1,"role":"node","publicKey":null}}',
];
