import { transportAddress } from '@wirepath/core';
import {
  relayConformance,
  runConformance,
  VirtualDatagrams,
  VirtualNetwork,
  VirtualRelayServer,
} from '../../src/index.js';
import { it } from 'vitest';
import { MyRelay } from './my-plugins.js';
import { virtualPeer } from './virtual-peer.js';

runConformance(
  relayConformance(({ clock, time }) => {
    const network = new VirtualNetwork({ clock: time });
    const [laptop, server] = [network.host({ ips: ['192.0.2.1'] }), network.host({ ips: ['203.0.113.10'] })];
    new VirtualRelayServer(server, transportAddress('203.0.113.10', 3478), time);
    const create = () => new MyRelay([{ url: 'memory:203.0.113.10:3478', transport: 'udp' }], clock);
    return { create, datagrams: new VirtualDatagrams(laptop), peer: virtualPeer(network, '192.0.2.7') };
  }),
  it,
);
