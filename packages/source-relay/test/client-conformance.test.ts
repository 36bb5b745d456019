import type { RelayTransport, TransportAddress } from '@wirepath/core/plugin';
import { relayConformance, runConformance } from '@wirepath/testkit';
import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import { describe, it } from 'vitest';
import { parseTurnUrl, StunTurnServer, TurnRelay } from '../src/index.js';
import { DgramDatagrams } from './dgram-datagrams.js';
import { testNeeds } from './needs.js';
import { fixture, inFrontOf, streamServer } from './stream-front.js';

const { signal } = new AbortController();

/** A host on loopback, in the part of a peer. */
async function loopbackPeer() {
  const socket = createSocket('udp4');
  const listeners = new Set<(from: TransportAddress, bytes: Uint8Array) => void>();
  socket.on('message', (bytes, { address, port }) => {
    for (const listener of listeners) listener({ family: 4, ip: address, port }, bytes);
  });
  await once(socket.bind(0, '127.0.0.1'), 'listening');
  return {
    address: { family: 4, ip: '127.0.0.1', port: socket.address().port } as const,
    send: (to: TransportAddress, bytes: Uint8Array) => socket.send(bytes, to.port, to.ip),
    onDatagram(listener: (from: TransportAddress, bytes: Uint8Array) => void) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    close: () => socket.close(),
  };
}

describe.each<RelayTransport>(['udp', 'tcp', 'tls'])('TurnRelay over %s', (transport) => {
  runConformance(
    relayConformance(async ({ clock }) => {
      const turn = { listen: '127.0.0.1:0', realm: 'lab', users: { lab: 'secret' }, allowPeers: ['127.0.0.0/8'] };
      const server = new StunTurnServer(testNeeds(), { turn });
      await server.start({ signal });
      const { url: udp } = server.addresses()[0]!;
      const address = { ip: '127.0.0.1', port: parseTurnUrl(udp)!.port };
      const front = await streamServer(inFrontOf(address), { tls: transport === 'tls' });
      const urls = {
        udp,
        tcp: `turn:127.0.0.1:${front.port}?transport=tcp`,
        tls: `turns:127.0.0.1:${front.port}`,
      };
      const options = { username: 'lab', credential: 'secret', caFile: fixture('test-only-ca.crt') };
      const datagrams = await DgramDatagrams.open();
      const peer = await loopbackPeer();
      return {
        create: () => new TurnRelay(testNeeds({ clock }), { servers: [{ url: urls[transport], ...options }] }),
        datagrams,
        peer,
        ...(transport !== 'udp' && {
          lose: () => {
            for (const socket of front.sockets) socket.destroy();
          },
          silence: () => front.silence(),
        }),
        dispose: async () => {
          peer.close();
          await datagrams.close();
          await front.close();
          await server.stop();
        },
      };
    }),
    it,
  );
});
