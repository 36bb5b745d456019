import { createIdentity, formatAddress, transportAddress } from '@wirepath/core';
import { describe, it } from 'vitest';
import {
  egressConformance,
  MemoryRelay,
  MemoryTransport,
  NATS,
  relayConformance,
  runConformance,
  SeededRandom,
  StaticEgress,
  transportConformance,
  VirtualDatagrams,
  VirtualNetwork,
  VirtualRelayServer,
} from '../../src/index.js';

describe('StaticEgress', () => {
  const eth0 = { interfaceName: 'eth0', family: 4, ip: '192.0.2.1', evidence: 'route' } as const;
  runConformance(
    egressConformance(() => {
      const egress = new StaticEgress([eth0]);
      return { create: () => egress, expected: ['eth0'], change: () => egress.change([]) };
    }),
    it,
  );
});

describe('MemoryTransport', () => {
  const keyOf = (seed: number) => createIdentity(new SeededRandom(seed).bytes(32)).publicKey;
  runConformance(
    transportConformance(({ clock, time, random }) => {
      const network = new VirtualNetwork({ clock: time });
      const node = (publicKey: string, ip: string) => {
        const host = network.host({ ips: [ip] });
        return { publicKey, ip, create: () => new MemoryTransport({ publicKey, host, clock, random }) };
      };
      return { nodes: [node(keyOf(1), '192.0.2.1'), node(keyOf(2), '192.0.2.2')] };
    }),
    it,
  );
});

describe('MemoryRelay, from behind a symmetric NAT', () => {
  runConformance(
    relayConformance(({ clock, time }) => {
      const network = new VirtualNetwork({ clock: time });
      const home = network.lan('home');
      network.router({ inside: home, ip: '198.51.100.1', nat: NATS.symmetric });
      const address = transportAddress('203.0.113.10', 3478);
      const server = new VirtualRelayServer(network.host({ ips: [address.ip] }), address, time);
      const listeners = new Set<(from: typeof address, bytes: Uint8Array) => void>();
      const peer = network.host({ ips: ['192.0.2.7'] }).bind(4, 40_000, ({ source, bytes }) => {
        for (const listener of listeners) listener(source, bytes);
      });
      return {
        create: () => new MemoryRelay([{ url: `memory:${formatAddress(address)}`, transport: 'udp' }], clock),
        datagrams: new VirtualDatagrams(network.host({ on: home, ips: ['192.168.1.2'] })),
        peer: {
          address: transportAddress('192.0.2.7', peer.port),
          send: (to, bytes) => peer.send(to, bytes),
          onDatagram(listener) {
            listeners.add(listener);
            return { [Symbol.dispose]: () => void listeners.delete(listener) };
          },
        },
        lose: () => server.restart(),
      };
    }),
    it,
  );
});
