import { expect, it } from 'vitest';
import { parseEndpoint } from '../../../src/rc-file/checking/endpoint.js';

it.each([
  ['192.0.2.9:51820', '192.0.2.9', 51820],
  ['[2001:DB8::9]:1', '2001:db8::9', 1],
  ['host:65535', 'host', 65535],
  ['VPN.Example.com:51820', 'vpn.example.com', 51820],
  ['a-b.c1:1', 'a-b.c1', 1],
])('%s', (text, host, port) => {
  expect(parseEndpoint(text)).toEqual({ host, port });
});

it.each([
  '',
  'host',
  'host:',
  ':1',
  'host:0',
  'host:65536',
  '192.0.2.9',
  '2001:db8::9:1',
  '[host]:1',
  '-a:1',
  'a-:1',
  'a..b:1',
  '1.2.3:1',
  '010.0.0.1:1',
  'http://a:1',
  'a b:1',
])('not %j', (text) => {
  expect(parseEndpoint(text)).toBeUndefined();
});
