import { encodeStunMessage, transportAddress } from '@wirepath/stun-codec';
import { expect, it } from 'vitest';
import type { Datagrams } from '../../../src/contracts/datagrams.js';
import type { TransportPath } from '../../../src/contracts/path.js';
import { watchedDatagrams } from '../../../src/shell/transport/watched-datagrams.js';

const base = { id: 'udp4', family: 4, port: 51_820, shared: true } as const;
const path: TransportPath = { kind: 'socket', base, remote: transportAddress('192.0.2.9', 3478) };
const ID = Buffer.from('0123456789ab');
const stun = (kind: 'request' | 'indication' | 'success' | 'error') =>
  encodeStunMessage({
    class: kind,
    method: 'binding',
    transactionId: ID,
    ...(kind === 'error' && { errorCode: { code: 400, reason: '' } }),
  });

function watched() {
  const told: string[] = [];
  const log: string[] = [];
  const datagrams = {
    bases: [base],
    openBase: async (family: number) => (log.push(`open ${family}`), base),
    closeBase: ({ id }: { id: string }) => void log.push(`close ${id}`),
    send: (_path: TransportPath, bytes: Uint8Array) => void log.push(`sent ${bytes.length}`),
    onDatagram: (listener: unknown) => (log.push(`listener ${typeof listener}`), base),
    receive: (_path: TransportPath, bytes: Uint8Array) => void log.push(`received ${bytes.length}`),
  } as unknown as Datagrams;
  const subject = watchedDatagrams(datagrams, (id, server, sizeBytes) => {
    told.push(`${Buffer.from(id).toString()} to ${server.ip}, ${sizeBytes} bytes`);
    log.push('told');
  });
  return { subject, told, log };
}

it.each<[string, Uint8Array, boolean]>([
  ['a STUN request', stun('request'), true],
  ['a STUN indication', stun('indication'), false],
  ['a STUN answer', stun('success'), false],
  ['a STUN error', stun('error'), false],
  ['ChannelData of a relay', Buffer.concat([Buffer.of(0x40), stun('request').subarray(1)]), false],
  ['WireGuard', Buffer.concat([Buffer.of(1, 0, 0, 0), Buffer.alloc(144)]), false],
  ['nothing', new Uint8Array(), false],
])('of %s that a source or relay sends its watch is told or not, before it goes', (_what, bytes, isTold) => {
  const { subject, told, log } = watched();
  subject.send(path, bytes);
  expect(told).toEqual(isTold ? [`0123456789ab to 192.0.2.9, ${bytes.length} bytes`] : []);
  expect(log).toEqual([...(isTold ? ['told'] : []), `sent ${bytes.length}`]);
});

it('else they are the transport’s', async () => {
  const { subject, log } = watched();
  expect(subject.bases).toEqual([base]);
  expect(await subject.openBase(6, { signal: new AbortController().signal })).toBe(base);
  subject.closeBase(base);
  expect(subject.onDatagram(() => undefined)).toBe(base);
  subject.receive(path, Buffer.alloc(3));
  expect(log).toEqual(['open 6', 'close udp4', 'listener function', 'received 3']);
});
