import { describe, expect, it } from 'vitest';
import { connectedPair, path, type Node, type Path } from './link.js';

const PACKETS = 100;

/** Hands in datagrams as a batch of a socket does: all of them, and then its end. */
function handIn(node: Node, datagrams: readonly { datagram: Uint8Array; from: Path }[]): void {
  const { device, buffers, network } = node;
  for (const { datagram, from } of datagrams) {
    const at = buffers.putDatagram(datagram);
    device.handleDatagramAt(at, datagram.length, from, network.now);
  }
  device.finish();
}

/** What `from` says now, as datagrams that nobody has received yet. */
function said(from: Node, to: Node, texts: readonly string[]): Uint8Array[] {
  const { network } = from;
  const before = network.log.length;
  const { policy } = network;
  network.policy = () => [];
  for (const text of texts) from.say(to, text);
  network.policy = policy;
  return network.log.slice(before).map(({ datagram }) => datagram);
}

const numbers = (count: number, first = 0) => Array.from({ length: count }, (_, i) => `${first + i}`);

describe('a batch of datagrams', () => {
  it('is delivered in order, whole, and counted', () => {
    const { a, b } = connectedPair();
    const from = path('b', 'a');
    const heardBefore = b.heard().length;
    const { rxBytes } = b.peer(a);
    const datagrams = said(a, b, numbers(PACKETS)).map((datagram) => ({ datagram, from }));
    handIn(b, datagrams);
    expect(b.heard().slice(heardBefore)).toEqual(numbers(PACKETS));
    expect(b.peer(a).rxBytes - rxBytes).toBe(datagrams.reduce((sum, { datagram }) => sum + datagram.length, 0));
  });

  it('roams to where its last datagram came from, and tells of each path', () => {
    const { a, b } = connectedPair();
    const datagrams = said(a, b, numbers(4));
    const told = b.authenticated.length;
    const froms = [path('b', 'a'), path('b', 'x'), path('b', 'x'), path('b', 'y')];
    handIn(
      b,
      datagrams.map((datagram, i) => ({ datagram, from: froms[i]! })),
    );
    expect(b.peer(a).paths).toEqual([path('b', 'y')]);
    expect(b.authenticated.slice(told).map(({ from }) => from.remote)).toContain('x');
    expect(b.authenticated.at(-1)!.from.remote).toBe('y');
  });

  it('drops what is damaged, doubled and of nobody in its midst, and nothing else', () => {
    const { a, b } = connectedPair();
    const from = path('b', 'a');
    const heardBefore = b.heard().length;
    const [first, second, third] = said(a, b, numbers(3));
    const damaged = Uint8Array.from(second!);
    damaged[20]! ^= 1;
    const stranger = Uint8Array.from(second!);
    stranger[4]! ^= 1;
    const before = { ...b.device.drops };
    handIn(
      b,
      [first!, damaged, first!, stranger, third!, second!].map((datagram) => ({ datagram, from })),
    );
    expect(b.heard().slice(heardBefore)).toEqual(['0', '2', '1']);
    const { decrypt, replay, 'unknown-receiver': unknown } = b.device.drops;
    expect([decrypt - before.decrypt, replay - before.replay, unknown - before['unknown-receiver']]).toEqual([1, 1, 1]);
  });

  it('what its packets lead to may bring in more, whose order is kept too', () => {
    const { a, b } = connectedPair();
    const from = path('b', 'a');
    const heardBefore = b.heard().length;
    const datagrams = said(a, b, numbers(8));
    let calls = 0;
    // In the midst of the first ones, which are being handed on.
    b.interrupt = (name) => {
      if (name === 'deliver' && ++calls === 2) handIn(b, [{ datagram: datagrams[4]!, from }]);
    };
    handIn(
      b,
      datagrams.slice(0, 4).map((datagram) => ({ datagram, from })),
    );
    b.interrupt = () => undefined;
    handIn(
      b,
      datagrams.slice(5).map((datagram) => ({ datagram, from })),
    );
    expect(b.heard().slice(heardBefore)).toEqual(['0', '1', '4', '2', '3', '5', '6', '7']);
  });

  it('of two sessions goes on with each of them', () => {
    const { network, a, b } = connectedPair();
    const from = path('b', 'a');
    const heardBefore = b.heard().length;
    const older = said(a, b, numbers(3));
    a.device.initiateHandshake(b.device.publicKey, (network.now += 6000));
    network.run(1000);
    const newer = said(a, b, numbers(3, 10));
    const mixed = [older[0]!, newer[0]!, older[1]!, newer[1]!, newer[2]!, older[2]!];
    handIn(
      b,
      mixed.map((datagram) => ({ datagram, from })),
    );
    expect(b.heard().slice(heardBefore)).toEqual(['0', '10', '1', '11', '12', '2']);
  });
});
