import type { Base, CandidateSource } from '@wirepath/core';
import { transportAddress } from '@wirepath/core/plugin';
import { expect, it } from 'vitest';
import { during, twoNodes } from './two-nodes.js';

/** Keeps one socket, and says that peers reach it from outside. */
function sourceWithSocket(ip: string) {
  let base: Base | undefined;
  return {
    port: () => base?.port,
    async *gather({ datagrams, signal }) {
      base ??= await datagrams?.openBase(4, { signal });
      if (base !== undefined) yield { type: 'host', address: transportAddress(ip, base.port), base };
    },
  } satisfies CandidateSource & { port(): number | undefined };
}

/** An IPv4 header: addresses are all that is looked at. */
function packetTo(ip: string, from: string): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.set(from.split('.').map(Number), 12);
  header.set(ip.split('.').map(Number), 16);
  return header;
}

it('checks and data go through a socket that a source opened, where a firewall lets only that one through', async () => {
  const net = await twoNodes();
  const { a, b, clock, network } = net;
  const source = sourceWithSocket('192.0.2.1');
  a.sources.push({ plugin: 'mapped', instance: source });
  network.lets = ({ source: from, destination }) =>
    [from, destination].some(({ ip, port }) => ip === '192.0.2.1' && port === source.port());
  await net.start();
  await expect(during(clock, a.traversal.connectToPeer(b.identity.publicKey))).resolves.toBe('direct');
  expect(a.traversal.view(b.identity.publicKey)?.pairInUse?.localBase.id).toBe('udp4-1');

  const got: string[] = [];
  for (const { transport } of [a, b])
    transport.packets.onPacket((packet) => got.push(packet.subarray(12, 20).join('.')));
  a.transport.packets.send(packetTo('10.77.0.2', '10.77.0.1'));
  await clock.advance(1000);
  b.transport.packets.send(packetTo('10.77.0.1', '10.77.0.2'));
  await clock.advance(1000);
  expect(got).toEqual(['10.77.0.1.10.77.0.2', '10.77.0.2.10.77.0.1']);
  await net.stop();
});
