import { encodeStunMessage, transportAddress } from '@wirepath/stun-codec';
import { expect, it } from 'vitest';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import type { Transport } from '../../../src/contracts/transport.js';
import { OwnTraffic } from '../../../src/shell/transport/own-traffic.js';

it('a server that is reached through the tunnel is a problem, for as long as it is', async () => {
  const clock = new FakeClock();
  let show: ((packet: Uint8Array) => void) | undefined;
  const sockets = { bases: [], send: () => undefined };
  const transport = {
    datagrams: sockets,
    onInnerPacket: (listener: (packet: Uint8Array) => void) => {
      show = listener;
      return { [Symbol.dispose]: () => (show = undefined) };
    },
  } as unknown as Transport;
  const loops: unknown[] = [];
  const traffic = new OwnTraffic(transport, clock, (check) => loops.push(check));
  const request = encodeStunMessage({ class: 'request', method: 'allocate', transactionId: Buffer.alloc(12, 1) });
  const base = { id: 'udp4', family: 4, port: 51820, shared: true } as const;

  expect(traffic.sockets.datagrams).toBe(traffic.sockets.datagrams);
  traffic.sockets.datagrams?.send({ kind: 'socket', base, remote: transportAddress('10.77.0.9', 3478) }, request);
  expect(traffic.problems()).toEqual([]);
  show?.(Buffer.concat([Buffer.alloc(78), request]));
  expect(traffic.problems()).toEqual([
    expect.stringMatching(/^the server 10\.77\.0\.9:3478 is reached through our own tunnel .* leave it out$/),
  ]);
  expect(loops).toEqual([]);
  await clock.advance(130_000);
  expect(traffic.problems()).toEqual([]);
});

it('sources and relays get the sockets that the transport has now', () => {
  const sockets = (port: number) => ({ bases: [{ id: `udp4-${port}`, family: 4, port, shared: true }] });
  const transport = { datagrams: undefined, listenPort: undefined } as { datagrams: unknown; listenPort: unknown };
  const traffic = new OwnTraffic(transport as unknown as Transport, new FakeClock(), () => undefined);
  const now = () => [traffic.sockets.datagrams?.bases, traffic.sockets.listenPort];
  expect(now()).toEqual([undefined, undefined]);
  for (const port of [51_820, 51_821]) {
    Object.assign(transport, { datagrams: sockets(port), listenPort: port });
    expect(now()).toEqual([sockets(port).bases, port]);
    expect(traffic.sockets.datagrams).toBe(traffic.sockets.datagrams);
  }
});
