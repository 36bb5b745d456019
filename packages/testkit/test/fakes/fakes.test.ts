import { formatKey, generatePrivateKey, transportAddress, type CandidateSource, type Peer } from '@wirepath/core';
import { describe, it } from 'vitest';
import {
  candidateSourceConformance,
  MemorySignalingHub,
  peerDiscoveryConformance,
  runConformance,
  signalingConformance,
  StaticPeers,
} from '../../src/index.js';

const newKey = () => formatKey(generatePrivateKey());

const peer = (name: string): Peer => ({
  name,
  publicKey: newKey(),
  allowedIps: ['10.77.0.2/32'],
  keepaliveSeconds: 25,
});

describe('MemorySignalingHub', () => {
  runConformance(
    signalingConformance(({ time }) => {
      const hub = new MemorySignalingHub({ clock: time, latencyMs: 20 });
      const node = (publicKey: string) => ({ publicKey, create: () => hub.client(publicKey) });
      return { nodes: [node(newKey()), node(newKey())] };
    }),
    it,
  );
});

describe('StaticPeers', () => {
  runConformance(
    peerDiscoveryConformance(() => {
      const peers = new StaticPeers([peer('b'), peer('c')]);
      return { create: () => peers, expected: ['b', 'c'], change: () => peers.set(peer('d')) };
    }),
    it,
  );
});

describe('a candidate source of one line', () => {
  const source: CandidateSource = {
    async *gather({ signal }) {
      if (!signal.aborted) yield { type: 'host', address: transportAddress('192.0.2.1', 51820) };
    },
  };
  runConformance(
    candidateSourceConformance(() => ({
      create: () => source,
      expected: [{ type: 'host', address: '192.0.2.1:51820' }],
    })),
    it,
  );
});
