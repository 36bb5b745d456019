import { expect, it } from 'vitest';
import { maskSecrets } from '../../../src/base/logging/mask-secrets.js';

it.each<[string, unknown, unknown]>([
  ['keys', { privateKey: 'x', presharedKey: 'x', key: 'x' }, { privateKey: '***', presharedKey: '***', key: '***' }],
  ['but not public ones', { publicKey: 'x', public_key: 'x' }, { publicKey: 'x', public_key: 'x' }],
  [
    'nor file names',
    { privateKeyFile: 'a.key', credentialFile: 'c' },
    { privateKeyFile: 'a.key', credentialFile: 'c' },
  ],
  [
    'credentials at any depth',
    { servers: [{ url: 'turn:a', credential: 'x' }] },
    { servers: [{ url: 'turn:a', credential: '***' }] },
  ],
  [
    'passwords, tokens and secrets',
    { password: 1, apiToken: {}, sharedSecret: [] },
    { password: '***', apiToken: '***', sharedSecret: '***' },
  ],
  ['passwords of users, by name', { users: { lab: 'x', key: 'y' } }, { users: { lab: '***', key: '***' } }],
  ['users of URLs', ['ws://u:p@host/a?b', 'plain @ text'], ['ws://***@host/a?b', 'plain @ text']],
  ['bytes', { peer: new Uint8Array(32) }, { peer: '<32 bytes>' }],
  [
    'errors with their causes',
    new Error('at ws://u:p@h', { cause: new TypeError('t') }),
    { name: 'Error', message: 'at ws://***@h', cause: { name: 'TypeError', message: 't' } },
  ],
  ['instances', { socket: new AbortController() }, { socket: '[AbortController]' }],
  ['maps and sets', { m: new Map([['key', 1]]), s: new Set([1]) }, { m: { key: '***' }, s: [1] }],
  ['nothing at all', { key: undefined, credential: null, a: 1n }, { key: undefined, credential: null, a: 1n }],
])('%s', (_, value, expected) => {
  expect(maskSecrets(value)).toEqual(expected);
});

it('ends on a cycle', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  expect(JSON.stringify(maskSecrets(cycle))).toContain('...');
});
