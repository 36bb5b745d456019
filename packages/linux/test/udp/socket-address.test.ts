import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { SocketAddress as NodeSocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketMemory, socketDescriptor, UDP_BATCHES_BYTES, UdpBatches, type SocketAddress } from '../../src/index.js';
import { socketAddress, socketAddressOf } from '../../src/udp/socket-address.js';

const noName = () => undefined;

/** What libuv writes, for node:dgram as well. */
const textOfNode = (address: string, family: 'ipv4' | 'ipv6') => new NodeSocketAddress({ address, family }).address;

/** Groups that are zero or have few digits more often than chance would have it; IPv4 within IPv6. */
const group = fc.oneof(fc.constant(0), fc.constant(0), fc.constant(0xffff), fc.nat(0xffff), fc.nat(15));
const groups = fc.oneof(
  fc.array(group, { minLength: 8, maxLength: 8 }),
  fc.tuple(fc.nat(0xffff), fc.nat(0xffff), fc.constantFrom(0, 0xffff)).map(([a, b, c]) => [0, 0, 0, 0, 0, c, a, b]),
);
const octets = fc.array(fc.nat(255), { minLength: 4, maxLength: 4 });

describe('the text of a source', () => {
  it('is what node:dgram says, for every IPv6 address, and means the same address', () => {
    fc.assert(
      fc.property(groups, fc.nat(0xffff), (eight, port) => {
        const full = eight.map((one) => one.toString(16)).join(':');
        const { words } = socketAddress(full, port);
        const source = socketAddressOf(words, noName);
        expect(source).toMatchObject({ family: 6, port, ip: textOfNode(full, 'ipv6') });
        expect(socketAddress(source.ip, port).words).toEqual(words);
      }),
      { numRuns: 2000 },
    );
  });

  it('is what node:dgram says, for every IPv4 address', () => {
    fc.assert(
      fc.property(octets, fc.nat(0xffff), (four, port) => {
        const source = socketAddressOf(socketAddress(four.join('.'), port).words, noName);
        expect(source).toMatchObject({ family: 4, port, ip: textOfNode(four.join('.'), 'ipv4') });
      }),
    );
  });

  it('has the interface of a link-local address, by its name or else by its number', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        fc.constantFrom('eth0', 'a.b-c', undefined),
        (scope, name) => {
          const { words } = socketAddress(`fe80::1%${scope}`, 7);
          expect(socketAddressOf(words, (index) => (index === scope ? name : 'wrong')).ip).toBe(
            `fe80::1%${name ?? scope}`,
          );
        },
      ),
    );
  });

  it.each([['::'], ['::1'], ['2001:db8::1'], ['2001:db8:0:1::'], ['1:2:3:4:5:6:7:8'], ['::ffff:192.0.2.1']])(
    'is %s again',
    (ip) => {
      expect(socketAddressOf(socketAddress(ip, 7).words, noName).ip).toBe(ip);
    },
  );
});

const linkLocal = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
  (all ?? []).filter(({ address }) => address.startsWith('fe80:')).map(({ address }) => `${address}%${name}`),
)[0];
if (linkLocal === undefined) console.log('skipped: a link-local source: no interface has such an address');

describe.skipIf(process.platform !== 'linux')('a real source', () => {
  it.each([
    ['IPv4', 'udp4', '0.0.0.0', '127.0.0.1'],
    ['IPv6', 'udp6', '::', '::1'],
    ['IPv4 at a socket of both', 'udp6', '::', '127.0.0.1'],
    ...(linkLocal === undefined ? [] : [['link-local', 'udp6', '::', linkLocal] as const]),
  ] as const)('%s is named as node:dgram names it', async (_name, type, bindIp, ip) => {
    const [ofNode, ours] = [createSocket(type), createSocket(type)];
    const sender = createSocket(ip.includes(':') ? 'udp6' : 'udp4');
    for (const socket of [ofNode, ours]) {
      socket.bind(0, bindIp);
      await once(socket, 'listening');
    }
    sender.bind(0, ip);
    await once(sender, 'listening');
    const memory = new PacketMemory(UDP_BATCHES_BYTES);
    const { port } = ours.address();
    const family = type === 'udp4' ? 4 : 6;
    const adopted = new UdpBatches(memory).adopt<SocketAddress>(socketDescriptor(ours) ?? -1, family, port);
    ours.close();
    try {
      const heardByNode = once(ofNode, 'message') as Promise<[Buffer, RemoteInfo]>;
      const heard = new Promise<SocketAddress>((resolve) =>
        adopted.start({
          source: (address) => address,
          datagram: (_offset, _size, source) => resolve(source),
          batchEnd: () => undefined,
          failed: () => undefined,
        }),
      );
      sender.send('x', ofNode.address().port, ip);
      sender.send('x', port, ip);
      const [, from] = await heardByNode;
      expect(await heard).toMatchObject({ ip: from.address, port: from.port });
    } finally {
      await adopted.close();
      for (const socket of [ofNode, sender]) socket.close();
    }
  });
});

describe('an address of a socket', () => {
  it('is no text that is none', () => {
    expect(() => socketAddress('example.org', 7)).toThrow(RangeError);
    expect(() => socketAddress('', 7)).toThrow(RangeError);
  });
});
