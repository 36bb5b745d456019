import { describe, expect, it } from 'vitest';
import { parseTurnUrl } from '../src/index.js';

describe('TURN URIs (RFC 7065)', () => {
  it.each([
    ['turn:203.0.113.10:3478', { host: '203.0.113.10', port: 3478, transport: 'udp' }],
    ['turn:203.0.113.10', { host: '203.0.113.10', port: 3478, transport: 'udp' }],
    ['turn:[2001:db8::1]:443', { host: '2001:db8::1', port: 443, transport: 'udp' }],
    ['turn:[2001:db8::1]', { host: '2001:db8::1', port: 3478, transport: 'udp' }],
    ['turn:relay.example:3478?transport=udp', { host: 'relay.example', port: 3478, transport: 'udp' }],
    ['turn:relay.example?transport=tcp', { host: 'relay.example', port: 3478, transport: 'tcp' }],
    ['turns:relay.example', { host: 'relay.example', port: 5349, transport: 'tls' }],
    ['TURNS:relay.example:443?transport=tcp', { host: 'relay.example', port: 443, transport: 'tls' }],
  ])('%s', (text, parsed) => {
    expect(parseTurnUrl(text)).toEqual(parsed);
  });

  it.each([
    '',
    'turn:',
    'stun:203.0.113.10',
    'turn://203.0.113.10',
    'turn:user:secret@203.0.113.10',
    'turn:user@relay.example',
    'turn:203.0.113.10:0',
    'turn:203.0.113.10:65536',
    'turn:010.0.0.1',
    'turn:1',
    'turn:2001:db8::1',
    'turn:[203.0.113.10]',
    'turn:relay.example?transport=sctp',
    'turn:relay example',
    'turn:-relay.example',
    'turn:relay.example/path',
  ])('refuses %j', (text) => {
    expect(parseTurnUrl(text)).toBeUndefined();
  });
});
