import type { PacketPort } from '@wirepath/core/plugin';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InnerHost } from '../src/demo/inner-host.js';
import { decodeInnerPacket, encodeInnerPacket, type InnerPacket } from '../src/demo/inner-packet.js';

const { signal } = new AbortController();

/** Two packet ports joined by a tunnel that drops what `drop` says. */
function tunnel(drop: (packet: Uint8Array) => boolean = () => false): [PacketPort, PacketPort] {
  const listeners = [new Set<(packet: Uint8Array) => void>(), new Set<(packet: Uint8Array) => void>()] as const;
  const port = (own: 0 | 1): PacketPort => ({
    send: (packet) => {
      if (drop(packet)) return;
      setImmediate(() => {
        for (const listener of listeners[own === 0 ? 1 : 0]) listener(packet);
      });
    },
    onPacket: (listener) => {
      listeners[own].add(listener);
      return { [Symbol.dispose]: () => void listeners[own].delete(listener) };
    },
  });
  return [port(0), port(1)];
}

describe('inner packets', () => {
  const address = fc.ipV4();
  const short = fc.nat(0xffff);
  const payload = fc.uint8Array({ maxLength: 1400 }).map((bytes) => Buffer.from(bytes));
  const packets = fc.oneof(
    fc.record({
      kind: fc.constantFrom('echo-request' as const, 'echo-reply' as const),
      from: address,
      to: address,
      identifier: short,
      sequence: short,
      payload,
    }),
    fc.record({
      kind: fc.constant('udp' as const),
      from: address,
      to: address,
      sourcePort: short,
      destinationPort: short,
      payload,
    }),
  );

  it('survive the wire', () => {
    fc.assert(
      fc.property(packets, (packet: InnerPacket) => {
        expect(decodeInnerPacket(encodeInnerPacket(packet))).toEqual(packet);
      }),
    );
  });

  it('an echo request is what RFC 791 and RFC 792 say, byte by byte', () => {
    const bytes = encodeInnerPacket({
      kind: 'echo-request',
      from: '10.77.0.1',
      to: '10.77.0.2',
      identifier: 1,
      sequence: 2,
      payload: Buffer.from('hi'),
    });
    expect(bytes.toString('hex')).toBe('4500001e0000000040016643' + '0a4d0001' + '0a4d0002' + '08008f93000100026869');
  });

  it('nothing that arrives makes the decoder throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeInnerPacket(bytes)));
    fc.assert(
      fc.property(packets, fc.nat(60), fc.nat(255), (packet, at, value) => {
        const bytes = encodeInnerPacket(packet);
        if (at < bytes.length) bytes[at] = value;
        decodeInnerPacket(bytes);
      }),
    );
  });
});

describe('InnerHost', () => {
  it('answers echo requests as a kernel does, and measures the round trip', async () => {
    const [a, b] = tunnel();
    using hostA = new InnerHost('10.77.0.1', a);
    using hostB = new InnerHost('10.77.0.2', b);
    const result = await hostA.echo(hostB.address, 3, signal);
    expect(result).toMatchObject({ sent: 3, received: 3 });
    expect(result.rttMs?.max).toBeLessThan(1000);
  });

  it('counts an echo that is lost', async () => {
    let first = true;
    const [a, b] = tunnel(() => {
      const drop = first;
      first = false;
      return drop;
    });
    using hostA = new InnerHost('10.77.0.1', a);
    using hostB = new InnerHost('10.77.0.2', b);
    expect(await hostA.echo(hostB.address, 2, signal)).toMatchObject({ sent: 2, received: 1 });
  });

  it('asks until the first echo comes back, then no more', async () => {
    const requests: Uint8Array[] = [];
    const [a, b] = tunnel((packet) => packet[20] === 8 && requests.push(packet) < 4);
    using hostA = new InnerHost('10.77.0.1', a);
    using hostB = new InnerHost('10.77.0.2', b);
    let echoes = 0;
    await new Promise<void>((resolve) => {
      hostA.onFirstEcho(hostB.address, () => {
        echoes += 1;
        resolve();
      });
    });
    const asked = requests.length;
    await hostA.echo(hostB.address, 3, signal);
    expect(requests.length - asked).toBe(3);
    expect(echoes).toBe(1);
  });

  it('does not answer for another address', async () => {
    const [a, b] = tunnel();
    using hostA = new InnerHost('10.77.0.1', a);
    using hostB = new InnerHost('10.77.0.9', b);
    expect(hostB.address).not.toBe('10.77.0.2');
    expect(await hostA.echo('10.77.0.2', 1, signal)).toMatchObject({ received: 0, rttMs: null });
  });

  it('measures what arrives, also where every tenth packet is lost', async () => {
    let count = 0;
    const [a, b] = tunnel(() => ++count % 10 === 0);
    using hostA = new InnerHost('10.77.0.1', a);
    using hostB = new InnerHost('10.77.0.2', b);
    const { bytes, durationMs, bitsPerSecond } = await hostA.throughput(hostB, 200, signal);
    expect(bytes % 1388).toBe(0);
    expect(bytes).toBeGreaterThan(1388 * 64);
    expect(bitsPerSecond).toBeCloseTo((bytes * 8000) / durationMs, 3);
  });

  it('stops when it is told to', async () => {
    const [a] = tunnel(() => true);
    using host = new InnerHost('10.77.0.1', a);
    const abort = new AbortController();
    const echo = host.echo('10.77.0.2', 5, abort.signal);
    abort.abort();
    await expect(echo).rejects.toMatchObject({ name: 'AbortError' });
    await expect(host.throughput(host, 10_000, abort.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
