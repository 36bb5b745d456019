import { transportAddress } from '@wirepath/core';
import type { RelayPeer, VirtualNetwork } from '../../src/index.js';

/** A peer of a relay's: a host on the internet with one socket. */
export function virtualPeer(network: VirtualNetwork, ip: string): RelayPeer {
  type Listener = Parameters<RelayPeer['onDatagram']>[0];
  const listeners = new Set<Listener>();
  const socket = network.host({ ips: [ip] }).bind(4, 40_000, ({ source, bytes }) => {
    for (const listener of listeners) listener(source, bytes);
  });
  return {
    address: transportAddress(ip, socket.port),
    send: (to, bytes) => socket.send(to, bytes),
    onDatagram(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
}
