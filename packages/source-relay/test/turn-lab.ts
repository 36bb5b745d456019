import { FakeClock } from '@wirepath/core';
import type { StunTurnServerOptions } from '../src/index.js';
import { StunTurnServer, type StunTurnServerEdges } from '../src/index.js';
import type { StrangerShares } from '../src/server/stranger-limits.js';
import { MemoryNetwork, settled } from './memory-network.js';
import { MemoryStreams } from './memory-streams.js';
import { testNeeds } from './needs.js';
import { at, RawClient } from './raw-client.js';

export const SERVER = at('203.0.113.10', 3478);
export const PEER = at('198.51.100.7', 51820);

type Turn = NonNullable<StunTurnServerOptions['turn']>;

/** The embedded server in virtual time on a network in memory. */
export async function turnLab(
  options: {
    turn?: Partial<Turn>;
    stun?: StunTurnServerOptions['stun'];
    limits?: StrangerShares;
    files?: Record<string, string>;
    addresses?: () => readonly string[];
    edges?: Partial<StunTurnServerEdges>;
    network?: MemoryNetwork;
  } = {},
) {
  const clock = new FakeClock();
  const { network = new MemoryNetwork() } = options;
  const streams = new MemoryStreams();
  const needs = testNeeds({ clock, ...(options.files && { files: options.files }) });
  const turn: Turn = { listen: '203.0.113.10:3478', realm: 'lab', users: { lab: 'secret' }, ...options.turn };
  const server = new StunTurnServer(
    needs,
    { turn, stun: options.stun },
    {
      udp: network.udp,
      openTcp: streams.open,
      ...(options.limits && { limits: options.limits }),
      ...(options.addresses && { addresses: options.addresses }),
      ...options.edges,
    },
  );
  await server.start({ signal: new AbortController().signal });
  const peer: { readonly received: string[] } = { received: [] };
  await network.open(PEER, (bytes, ip, port) => peer.received.push(`${ip}:${port} ${bytes.toString()}`));
  let clients = 0;
  return {
    clock,
    network,
    streams,
    needs,
    server,
    turn,
    /** Texts that came to {@link PEER}, with where from. */
    peer,
    drops: () => server.status()['drops'] as Record<string, number>,
    client: (address = at('192.0.2.1', 5000 + clients++), server = SERVER) => RawClient.open(network, server, address),
    /** Over TCP, with the stream under it. */
    connect(address = at('192.0.2.1', 5000 + clients++), server = SERVER) {
      const stream = streams.connect(address, server);
      return { stream, client: RawClient.over(stream, address) };
    },
    /** From a peer to a relayed address. */
    async fromPeer(text: string, to = at('203.0.113.10', 0), from = PEER) {
      network.send({ from, to, bytes: Buffer.from(text) });
      await settled();
    },
  };
}
