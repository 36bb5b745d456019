import { describe, expect, it } from 'vitest';
import { parseServerName } from '../src/server-name.js';

describe('the name of a STUN server', () => {
  it.each([
    ['203.0.113.10:3478', '203.0.113.10', 3478],
    ['203.0.113.10:19302', '203.0.113.10', 19302],
    ['203.0.113.10', '203.0.113.10', 3478],
    ['[2001:db8::1]:3478', '2001:db8::1', 3478],
    ['[2001:db8::1]', '2001:db8::1', 3478],
    ['stun.example.net', 'stun.example.net', 3478],
    ['stun.example.net:19302', 'stun.example.net', 19302],
    ['stun:stun.example.net', 'stun.example.net', 3478],
    ['stun:stun.example.net:5349', 'stun.example.net', 5349],
    ['localhost:3478', 'localhost', 3478],
  ])('%s', (text, host, port) => {
    expect(parseServerName(text)).toEqual({ text, host, port });
  });

  it.each([
    '',
    ':3478',
    '203.0.113.10:0',
    '203.0.113.10:65536',
    '203.0.113.10:',
    '203.0.113',
    '010.0.0.1:3478',
    '1',
    '2001:db8::1',
    '[2001:db8::1',
    'stun.example.net:0',
    'stun.example.net:99999',
    'stun..example.net',
    'stun.example.net:3478/path',
    'turn:stun.example.net',
    'stuns:stun.example.net',
    'http://stun.example.net',
    'user@stun.example.net',
    '-stun.example.net',
    'a'.repeat(300),
  ])('is not %j', (text) => {
    expect(parseServerName(text)).toBeUndefined();
  });
});
