/** What strangers on the network cost a node that searches by multicast: forged beacons and frames against random datagrams. */
import { readOptions } from './lib/options.mjs';
import { rates } from './lib/rate.mjs';
import { table } from './lib/table.mjs';
import { createIdentity, generatePrivateKey } from '@wirepath/core';
import { randomBytes } from 'node:crypto';
import { DATAGRAM_BYTES } from '../packages/signaling-lan/dist/protocol/lan-v1.js';
import { LanSession } from '../packages/signaling-lan/dist/protocol/lan-session.js';

const options = readOptions('usage: node bench/signaling-lan.mjs [--peers N] [--json]', {
  peers: { type: 'string', default: '200' },
});
const PEERS = Number(options.peers);
const SAMPLES = 256;
const at = { now: 1000, unixMs: 1_800_000_001_000 };
const before = { now: 0, unixMs: at.unixMs - 1000 };
const from = { link: 'eth0', ip: '192.0.2.66', port: 6666 };

function sessionOf(identity, peers) {
  const session = new LanSession({ identity, random: { bytes: (length) => new Uint8Array(randomBytes(length)) } });
  session.setPeers(
    peers.map(({ publicKey }) => publicKey),
    before,
  );
  for (let now = 0; now <= PEERS * 10; now += 10) session.handleTimeout({ now, unixMs: before.unixMs });
  session.start(before);
  session.linksChanged(['eth0'], before);
  return session;
}

const identity = createIdentity(generatePrivateKey());
const peers = Array.from({ length: PEERS }, () => createIdentity(generatePrivateKey()));
const session = sessionOf(identity, peers);
// A peer's own datagrams, recorded: what a forger can make, for it has no tags of its own.
const peer = sessionOf(peers[0], [identity]);
peer.publish(identity.publicKey, randomBytes(400), before);
const beacon = peer.handleTimeout(at).find(({ kind }) => kind === 'multicast').bytes;
session.beaconReceived(beacon, from, at);
session.publish(peers[0].publicKey, randomBytes(400), at);
const frame = peer.beaconReceived(sessionBeacon(), from, at).find(({ kind }) => kind === 'send').bytes;

/** Ours, for the peer to answer. */
function sessionBeacon() {
  const own = sessionOf(identity, [peers[0]]);
  own.publish(peers[0].publicKey, randomBytes(400), before);
  return own.handleTimeout(at).find(({ kind }) => kind === 'multicast').bytes;
}

const samples = (make) => Array.from({ length: SAMPLES }, make);
const random = samples(() => randomBytes(DATAGRAM_BYTES));
const withTag = samples(() => Buffer.concat([beacon.subarray(0, 16), randomBytes(DATAGRAM_BYTES - 16)]));
const allTags = samples(() => Buffer.concat(Array.from({ length: DATAGRAM_BYTES / 16 }, () => beacon.subarray(0, 16))));
const badFrames = samples(() => Buffer.concat([frame.subarray(0, 16), randomBytes(DATAGRAM_BYTES - 16)]));

let turn = 0;
const next = (list) => list[(turn += 1) % SAMPLES];
const measured = rates({
  'random, by multicast': () => session.beaconReceived(next(random), from, at),
  'forged beacon: a recorded tag, the rest random': () => session.beaconReceived(next(withTag), from, at),
  'forged beacon: a recorded tag, 75 times': () => session.beaconReceived(next(allTags), from, at),
  'random, to our socket': () => session.frameReceived(next(random), from, at),
  'forged frame: a recorded tag, the rest random': () => session.frameReceived(next(badFrames), from, at),
});
const base = measured['random, by multicast'];
const report = Object.entries(measured).map(([what, perSecond]) => ({
  what,
  perSecond,
  microseconds: 1e6 / perSecond,
  ofRandom: base / perSecond,
}));
if (options.json) process.stdout.write(`${JSON.stringify({ peers: PEERS, report }, undefined, 2)}\n`);
else {
  const rows = report.map(({ what, perSecond, microseconds, ofRandom }) => [
    what,
    Math.round(perSecond),
    microseconds,
    ofRandom,
  ]);
  process.stdout.write(`${PEERS} peers, ${session.tableSize} tags\n`);
  process.stdout.write(`${table([['datagram', 'per second', 'us', 'in random ones'], ...rows])}\n`);
}
