import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import type { DatagramListener } from '../../../src/contracts/datagrams.js';
import type { TransportPath } from '../../../src/contracts/path.js';
import type { Transport } from '../../../src/contracts/transport.js';
import type { DriverEvent } from '../../../src/shell/driver/events.js';
import { LoopWatch } from '../../../src/shell/transport/loop-watch.js';
import { TransportPort, type CheckReading, type SendCheck } from '../../../src/shell/transport/transport-port.js';
import { idleTransport } from '../../assembly/product/sample-product.js';

const BASE = { id: 'udp4', family: 4, port: 51820, shared: true } as const;
const path: TransportPath = { kind: 'socket', base: BASE, remote: transportAddress('192.0.2.9', 51820) };
const enginePath = { baseId: 'udp4', remote: path.remote };

const CHECK: SendCheck = {
  type: 'send-check',
  peer: 'B',
  path,
  transactionId: Buffer.alloc(12),
  remoteUfrag: 'u',
  localUfrag: 'v',
  remotePassword: 'p',
  priority: 1,
  candidateType: 'host',
  controlling: true,
  tieBreaker: 1n,
  useCandidate: false,
  sizeBytes: undefined,
};

function port({ ownsSockets = true } = {}) {
  const done: string[] = [];
  const listeners = new Map<string, (event: never) => void>();
  const listen = (what: string) => (listener: (event: never) => void) => {
    listeners.set(what, listener);
    return { [Symbol.dispose]: () => void listeners.delete(what) };
  };
  const sent: [TransportPath, string][] = [];
  let onDatagram: DatagramListener = () => undefined;
  const transport = {
    ...idleTransport(),
    datagrams: (ownsSockets || undefined) && {
      bases: [BASE],
      send: (to: TransportPath, bytes: Uint8Array) => void sent.push([to, Buffer.from(bytes).toString()]),
      closeBase: ({ id }: { id: string }) => void done.push(`close ${id}`),
      confirmed: () => void done.push('confirmed'),
      onDatagram: (listener: DatagramListener) => {
        onDatagram = listener;
        return { [Symbol.dispose]: () => (onDatagram = () => undefined) };
      },
    },
    setPath: (peer: string, paths: readonly TransportPath[]) => void done.push(`path ${peer} ${paths.length}`),
    initiateHandshake: (peer: string, { fresh }: { fresh: boolean }) => void done.push(`handshake ${peer} ${fresh}`),
    onAuthenticated: listen('authenticated'),
    onSent: listen('sent'),
    onHandshake: listen('handshake'),
    onEndpointSuggested: listen('suggested'),
  } as unknown as Transport;
  let reading: CheckReading = 'not-a-check';
  const events: DriverEvent[] = [];
  const subject = new TransportPort({
    transport,
    checks: {
      expect: (peer, ufrag, password) => void done.push(`expect ${peer} ${ufrag} ${password}`),
      forget: (peer) => void done.push(`forget ${peer}`),
      encodeCheck: () => Buffer.from('check'),
      encodeAnswer: (peer) => (peer === 'B' ? Buffer.from('answer') : undefined),
      read: () => reading,
    },
    loops: new LoopWatch({ transport, clock: new FakeClock(), onLoop: () => undefined }),
    onEvent: (event) => void events.push(event),
  });
  subject.start();
  return {
    subject,
    listeners,
    sent,
    done,
    take: () => events.splice(0),
    receive: (as: CheckReading) => {
      reading = as;
      return onDatagram({ path, bytes: Buffer.alloc(20) });
    },
  };
}

describe('the transport, as the driver sees it', () => {
  it.each<[string, object, DriverEvent]>([
    ['authenticated', { publicKey: 'B', path }, { type: 'authenticated', peer: 'B', path: enginePath }],
    ['sent', { publicKey: 'B' }, { type: 'sent', peer: 'B' }],
    ['handshake', { publicKey: 'B' }, { type: 'handshake', peer: 'B' }],
    [
      'suggested',
      { publicKey: 'B', endpoint: path.remote },
      { type: 'candidate-suggested', peer: 'B', address: path.remote },
    ],
  ])('tells what happens to it: %s', (what, event, told) => {
    const { listeners, take } = port();
    listeners.get(what)?.(event as never);
    expect(take()).toEqual([told]);
  });

  it('takes checks and answers, counts those that prove nothing, and leaves the rest to others', () => {
    const { subject, receive, take } = port();
    const answer = { type: 'check-response', path, transactionId: 'id', mappedAddress: path.remote } as const;
    expect(receive(answer)).toBe(true);
    expect(take()).toEqual([{ ...answer, overheads: undefined }]);
    expect(receive('forged')).toBe(true);
    expect(receive('not-a-check')).toBe(false);
    expect(take()).toEqual([]);
    expect(subject.counters.snapshot()).toEqual({ 'check-forged': 1 });
  });

  it('answers a check on the path that it is given, and nobody who is gone', () => {
    const { subject, sent } = port();
    for (const peer of ['B', 'gone'])
      subject.perform({ type: 'answer-check', peer, path, transactionId: Buffer.alloc(12) });
    expect(sent).toEqual([[path, 'answer']]);
  });

  it('has its paths, handshakes, sockets and credentials as the driver wants them', () => {
    const { subject, sent, done } = port();
    subject.perform({ type: 'expect-checks', peer: 'B', ufrag: 'u', password: 'p' });
    subject.perform({ type: 'forget-checks', peer: 'B' });
    subject.perform({ type: 'set-path', peer: 'B', paths: [path] });
    subject.perform({ type: 'initiate-handshake', peer: 'B', fresh: true });
    subject.perform({ type: 'close-bases', bases: [BASE] });
    expect(done).toEqual(['expect B u p', 'forget B', 'path B 1', 'handshake B true', 'close udp4']);
    subject.perform(CHECK);
    expect(sent).toEqual([[path, 'check']]);
  });

  it('without sockets of ours sends no check, and has none to close', () => {
    const { subject, sent } = port({ ownsSockets: false });
    subject.perform(CHECK);
    subject.perform({ type: 'answer-check', peer: 'B', path, transactionId: Buffer.alloc(12) });
    subject.perform({ type: 'close-bases', bases: [BASE] });
    expect(sent).toEqual([]);
  });

  it('confirms a path by an answer, not by a check, which may come from anywhere', () => {
    const { receive, done, take } = port();
    const check = { peer: 'B', path, transactionId: Buffer.alloc(12), priority: 1, useCandidate: false } as const;
    receive({ type: 'check', candidateType: 'host', ...check });
    expect([done, take()]).toEqual([[], [{ type: 'check', candidateType: 'host', ...check }]]);
    receive({ type: 'check-response', path, transactionId: 'id', mappedAddress: path.remote });
    expect(done).toEqual(['confirmed']);
  });

  it('tells nothing any more when it has stopped', () => {
    const { subject, listeners, receive, take } = port();
    subject.stop();
    receive({ type: 'check-response', path, transactionId: 'id', mappedAddress: path.remote });
    expect(listeners.size).toBe(0);
    expect(take()).toEqual([]);
  });
});
