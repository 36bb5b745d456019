import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { LoopMarks } from '../../../src/engine/loops/loop-marks.js';

const MINUTE = 60_000;
const SOCKET = { id: 'udp4', family: 4, kind: 'socket' } as const;
const RELAY = { id: 'relay-1', family: 4, kind: 'allocation' } as const;
const SEEN = { why: 'seen', answersUntilMs: 0 };
const at = (ip: string, port = 51820) => transportAddress(ip, port);

describe('what was found to be a loop', () => {
  it('is an IP address, whatever the port and the socket', () => {
    const marks = new LoopMarks();
    marks.add(SOCKET, at('192.0.2.1', 1), SEEN, 0);
    expect(marks.get({ ...SOCKET, id: 'other' }, at('192.0.2.1', 2))?.why).toBe('seen');
    expect(marks.get(undefined, at('192.0.2.1'))?.why).toBe('seen');
    expect(marks.get(SOCKET, at('192.0.2.2'))).toBeUndefined();
    expect(marks.get(RELAY, at('192.0.2.1'))).toBeUndefined();
  });

  it('is the relay, whatever is behind it, where the check went through one', () => {
    const marks = new LoopMarks();
    marks.add(RELAY, at('192.0.2.1'), SEEN, 0);
    expect(marks.get(RELAY, at('192.0.2.2'))?.why).toBe('seen');
    expect(marks.get({ ...RELAY, id: 'relay-2' }, at('192.0.2.1'))).toBeUndefined();
    expect(marks.get(SOCKET, at('192.0.2.1'))).toBeUndefined();
  });

  it('may be tried again after a minute, after two where it was one still, and so on up to an hour', () => {
    const marks = new LoopMarks();
    const lasted: number[] = [];
    let now = 0;
    for (let i = 0; i < 9; i += 1) {
      marks.add(SOCKET, at('192.0.2.1'), SEEN, now);
      const since = now;
      while (marks.get(SOCKET, at('192.0.2.1')) !== undefined) marks.expire((now += MINUTE));
      lasted.push((now - since) / MINUTE);
    }
    expect(lasted).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('does not last longer for being seen twice', () => {
    const marks = new LoopMarks();
    for (const now of [0, 1, 2, 3]) marks.add(SOCKET, at('192.0.2.1'), SEEN, now);
    marks.expire(MINUTE + 3);
    expect(marks.get(SOCKET, at('192.0.2.1'))).toBeUndefined();
  });

  it('is forgotten when the network changes, and where there is too much of it', () => {
    const marks = new LoopMarks();
    for (let i = 0; i < 1000; i += 1) marks.add(SOCKET, at(`10.0.${i >> 8}.${i & 255}`), SEEN, i);
    const left = Array.from({ length: 1000 }, (_, i) => marks.get(SOCKET, at(`10.0.${i >> 8}.${i & 255}`)));
    expect(left.filter((mark) => mark !== undefined)).toHaveLength(32);
    marks.clear();
    expect(marks.get(SOCKET, at('10.0.3.231'))).toBeUndefined();
  });
});
