import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { bareSocket, connect, startNode, until, type TestNode } from './support.js';

const nodes: TestNode[] = [];
afterEach(async () => {
  await Promise.all(nodes.splice(0).map(({ transport }) => transport.stop()));
});

/** Deterministic choice of what to send, random bytes in it. */
function* hostileDatagrams(sample: readonly Buffer[]): Generator<Uint8Array> {
  for (let i = 0; i < 2000; i++) {
    const template = Buffer.from(sample[i % sample.length]!);
    switch (i % 5) {
      case 0:
        yield randomBytes(i % 4); // 0 to 3 bytes
        break;
      case 1:
        yield randomBytes(i % 300);
        break;
      case 2: // A message of the living session, one byte changed.
        template[i % template.length]! ^= 1 + (i % 255);
        yield template;
        break;
      case 3:
        yield template.subarray(0, i % template.length);
        break;
      case 4: // STUN with a lying length or attributes.
        yield Buffer.concat([
          Buffer.of(0, i % 4, 0, i % 40),
          Buffer.from('2112a442', 'hex'),
          randomBytes(12 + (i % 40)),
        ]);
        break;
    }
  }
}

it('hostile datagrams during traffic lose nothing and are counted', async () => {
  const a = await startNode('10.77.0.1');
  const b = await startNode('10.77.0.2');
  nodes.push(a, b);
  await connect(a, b);
  // What an eavesdropper has: real messages of this session.
  const witness = await bareSocket();
  const sample: Buffer[] = [];
  witness.socket.on('message', (bytes) => sample.push(bytes));
  a.transport.setPath(b.identity.publicKey, [a.pathTo(b), a.pathTo(b, witness.port)]);
  a.transport.initiateHandshake(b.identity.publicKey, { fresh: true });
  for (let i = 0; i < 3; i++) a.send(b, `sample ${i}`);
  await until(() => sample.length >= 3 && b.received.length === 3, 'the sample');
  a.transport.setPath(b.identity.publicKey, [a.pathTo(b)]);

  let stunHeard = 0;
  b.transport.datagrams!.onDatagram(() => {
    stunHeard++;
    throw new Error('a listener that cannot take it');
  });
  const attacker = await bareSocket();
  let sent = 3;
  let attacks = 0;
  for (const bytes of hostileDatagrams(sample)) {
    await attacker.send(bytes, b.transport.listenPort!);
    if (attacks++ % 4 === 0) a.send(b, `good ${sent++}`);
    if (attacks % 50 === 0) await until(() => b.received.length === sent, 'the traffic so far');
  }
  await until(() => b.received.length === sent, 'all traffic');
  expect(b.transport.stats()[0]!.endpoint).toEqual(a.address);
  const counters = b.transport.counters();
  expect(counters['wireguard.malformed']).toBeGreaterThan(800);
  // Replays of the untouched sample, changed tags, changed receivers.
  expect(counters['wireguard.decrypt']! + (counters['wireguard.unknown-receiver'] ?? 0)).toBeGreaterThan(100);
  expect(stunHeard).toBeGreaterThan(0);
  expect(b.guard.counters()).toEqual({ 'failed.test: listener of datagram': stunHeard });
  b.send(a, 'still here');
  await until(() => a.received.includes('still here'), 'the answer');
  await Promise.all([attacker.close(), witness.close()]);
});
