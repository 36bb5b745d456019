import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transportAddress, type TransportPath } from '@wirepath/core/plugin';
import { IncomingSorter, tellOfDropped } from '../../../src/attached/proxy/incoming-sorter.js';
import { Mishaps } from '../../../src/events/mishaps.js';
import { ManualClock } from '../manual-clock.js';
import { Device } from '../../../src/protocol/device.js';
import { newBuffers } from '../../protocol/test-buffers.js';
import { formatKey, generatePrivateKey, publicKeyOf } from '../../../src/protocol/keys.js';

const path = (port: number): TransportPath => ({
  kind: 'socket',
  base: { id: 'b', family: 4, port: 1, shared: true },
  remote: transportAddress('192.0.2.1', port),
});
const HERE = path(1);

/** A device whose datagrams pile up, each with the peer that it is for. */
function device(privateKey: Uint8Array) {
  const sent: { to: string; datagram: Uint8Array }[] = [];
  const { read, ...memory } = newBuffers();
  const made = new Device<string>({
    ...memory,
    privateKey,
    samePath: (a, b) => a === b,
    sourceBytes: () => new Uint8Array(6),
    sink: {
      send: (offset, sizeBytes, _paths, peer) => sent.push({ to: peer.publicKey, datagram: read(offset, sizeBytes) }),
      reply: () => undefined,
      deliver: () => undefined,
      onHandshake: () => undefined,
      onAuthenticated: () => undefined,
      onSent: () => undefined,
      onPathWanted: () => undefined,
    },
  });
  return { device: made, sent };
}

/** Two strangers, and the device that the sorter stands in front of. */
function scene() {
  const privateKey = generatePrivateKey();
  const ours = device(privateKey);
  const publicKey = formatKey(publicKeyOf(privateKey));
  const sorter = new IncomingSorter(privateKey);
  const peers = ['10.0.0.1/32', '10.0.0.2/32'].map((cidr) => {
    const peerKey = generatePrivateKey();
    const peer = { ...device(peerKey), publicKey: formatKey(publicKeyOf(peerKey)) };
    ours.device.addPeer({ publicKey: peer.publicKey, allowedIps: [cidr], roaming: false, paths: ['p'] }, 0);
    peer.device.addPeer({ publicKey, allowedIps: ['0.0.0.0/0'], roaming: false, paths: ['p'] }, 0);
    sorter.addPeer(peer.publicKey);
    return peer;
  });
  return { ours, publicKey, sorter, peers: peers as [(typeof peers)[0], (typeof peers)[0]] };
}

describe('the sorter of what comes in for an opaque device', () => {
  it('tells the sender of an initiation from anywhere', () => {
    const { sorter, peers, publicKey } = scene();
    for (const peer of peers) {
      peer.device.initiateHandshake(publicKey, 0);
      expect(sorter.sort(peer.sent[0]!.datagram, HERE, 0)).toEqual({ publicKey: peer.publicKey });
    }
  });

  it('tells by the receiver index whose a response and data are, once the device has named it', () => {
    const { ours, sorter, peers, publicKey } = scene();
    for (const peer of peers) ours.device.initiateHandshake(peer.publicKey, 0);
    for (const peer of peers) {
      const initiation = ours.sent.find(({ to }) => to === peer.publicKey)!.datagram;
      peer.device.handleDatagram(Uint8Array.from(initiation), 'p', 0);
      const response = peer.sent[0]!.datagram;
      expect(sorter.sort(response, HERE, 0)).toEqual({ dropped: 'unknown-receiver' });
      sorter.learn(peer.publicKey, initiation);
      expect(sorter.sort(response, HERE, 0)).toEqual({ publicKey: peer.publicKey });
      ours.device.handleDatagram(Uint8Array.from(response), 'p', 0);
      const confirmation = ours.sent.at(-1)!.datagram;
      peer.device.handleDatagram(Uint8Array.from(confirmation), 'p', 0);
      peer.device.sendKeepalive(publicKey, 0);
      const data = peer.sent.at(-1)!.datagram;
      expect(data[0]).toBe(4);
      expect(sorter.sort(data, HERE, 0)).toEqual({ publicKey: peer.publicKey });
    }
  });

  it('forgets a peer that is removed', () => {
    const { ours, sorter, peers, publicKey } = scene();
    const [peer] = peers;
    ours.device.initiateHandshake(peer.publicKey, 0);
    sorter.learn(peer.publicKey, ours.sent[0]!.datagram);
    peer.device.handleDatagram(Uint8Array.from(ours.sent[0]!.datagram), 'p', 0);
    peer.device.initiateHandshake(publicKey, 10_000);
    sorter.removePeer(peer.publicKey);
    expect(sorter.sort(peer.sent[0]!.datagram, HERE, 0)).toEqual({ dropped: 'unknown-receiver' });
    expect(sorter.sort(peer.sent.at(-1)!.datagram, HERE, 0)).toMatchObject({ dropped: 'unknown-peer' });
  });

  it('keeps the newest indices of a peer only', () => {
    const { ours, sorter, peers } = scene();
    const [peer] = peers;
    for (let i = 0; i < 12; i++) {
      ours.device.initiateHandshake(peer.publicKey, i * 100, { force: true });
      sorter.learn(peer.publicKey, ours.sent.at(-1)!.datagram);
    }
    expect(new Set(ours.sent.map(({ datagram }) => Buffer.from(datagram.subarray(4, 8)).toString('hex'))).size).toBe(
      12,
    );
    const answer = ({ datagram }: { datagram: Uint8Array }) => {
      const data = new Uint8Array(32);
      data[0] = 4;
      data.set(datagram.subarray(4, 8), 4);
      return sorter.sort(data, HERE, 0);
    };
    expect(answer(ours.sent[0]!)).toEqual({ dropped: 'unknown-receiver' });
    expect(answer(ours.sent[11]!)).toEqual({ publicKey: peer.publicKey });
  });

  it('drops strangers: who does not know our key, whom we do not know', () => {
    const { sorter, publicKey } = scene();
    const stranger = device(generatePrivateKey());
    stranger.device.addPeer({ publicKey, allowedIps: [], roaming: false, paths: ['p'] }, 0);
    stranger.device.initiateHandshake(publicKey, 0);
    const initiation = stranger.sent[0]!.datagram;
    const unknown = sorter.sort(initiation, HERE, 0);
    expect(unknown).toMatchObject({ dropped: 'unknown-peer', sender: expect.any(String) as string });
    const damaged = Uint8Array.from(initiation);
    damaged[20] = damaged[20]! ^ 1;
    const foreign = sorter.sort(damaged, HERE, 0);
    expect(foreign).toEqual({ dropped: 'mac1' });
    const mishaps = new Mishaps(new ManualClock(), () => undefined);
    for (const one of [unknown, foreign]) if ('dropped' in one) tellOfDropped(one, HERE, mishaps);
    expect(mishaps.problems()).toEqual([
      expect.stringMatching(/handshakes for another public key/),
      expect.stringMatching(/is no peer here: .* add it to peers here$/),
    ]);
  });

  it('opens so many initiations a second, and then goes by the path', () => {
    const { sorter, peers, publicKey } = scene();
    const [peer] = peers;
    peer.device.initiateHandshake(publicKey, 0);
    const initiation = peer.sent[0]!.datagram;
    sorter.setPaths(peer.publicKey, [path(7)]);
    for (let i = 0; i < 250; i++) sorter.sort(initiation, HERE, 0);
    expect(sorter.sort(initiation, HERE, 999)).toEqual({ dropped: 'rate-limited' });
    expect(sorter.sort(initiation, path(7), 999)).toEqual({ publicKey: peer.publicKey });
    expect(sorter.sort(initiation, HERE, 1000)).toEqual({ publicKey: peer.publicKey });
  });

  it('never throws, and takes nothing that is nobody’s', () => {
    const { sorter } = scene();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0, 1, 2, 3, 4, 5), (bytes, type) => {
        if (bytes.length > 4) bytes.set([type, 0, 0, 0]);
        expect(sorter.sort(bytes, HERE, 0)).toHaveProperty('dropped');
      }),
      { numRuns: 2000 },
    );
    for (const length of [0, 1, 3]) expect(sorter.sort(randomBytes(length), HERE, 0)).toEqual({ dropped: 'malformed' });
  });
});
