import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ownsUrl, type ServerAddress } from '../src/protocol/own-urls.js';
import { canonicalUrl } from '../src/protocol/rendezvous-url.js';

describe('canonical URL', () => {
  it.each([
    ['ws://203.0.113.10:7000', 'ws://203.0.113.10:7000/'],
    ['ws://203.0.113.10', 'ws://203.0.113.10:80/'],
    ['wss://Example.NET', 'wss://example.net:443/'],
    ['wss://example.net.:443/', 'wss://example.net:443/'],
    ['wss://example.net/a/../b?c=d', 'wss://example.net:443/b?c=d'],
    ['ws://[2001:DB8:0:0::1]:7000', 'ws://[2001:db8::1]:7000/'],
    ['ws://[::ffff:192.0.2.1]:7000', 'ws://192.0.2.1:7000/'],
    ['ws://0x7f.1:7000', 'ws://127.0.0.1:7000/'],
    ['wss://bücher.example', 'wss://xn--bcher-kva.example:443/'],
  ])('%s is %s', (text, canonical) => expect(canonicalUrl(text)).toBe(canonical));

  it.each([
    'http://example.net',
    'ws://user@example.net',
    'ws://user:secret@example.net',
    'ws://example.net/#fragment',
    'ws://',
    'example.net:7000',
    'ws://example.net:70000',
    `ws://example.net/${'a'.repeat(512)}`,
    '',
  ])('%s is none', (text) => expect(canonicalUrl(text)).toBeUndefined());

  it('of a canonical URL is itself; no text makes it throw', () => {
    const text = fc.oneof(
      fc.string(),
      fc.webUrl({ validSchemes: ['ws', 'wss'], withQueryParameters: true }),
      fc.tuple(fc.ipV6(), fc.nat({ max: 65535 })).map(([ip, port]) => `ws://[${ip}]:${port}`),
    );
    fc.assert(
      fc.property(text, (any) => {
        const canonical = canonicalUrl(any);
        if (canonical !== undefined) expect(canonicalUrl(canonical)).toBe(canonical);
      }),
      { numRuns: 300 },
    );
  });
});

describe('which URLs are a server’s own', () => {
  const plain: ServerAddress = {
    scheme: 'ws:',
    localIp: '203.0.113.10',
    localPort: 7000,
    requestPath: '/',
    certificateNames: [],
    configuredUrls: ['wss://rv.example:443/here'],
  };
  const tls: ServerAddress = {
    ...plain,
    scheme: 'wss:',
    localPort: 443,
    certificateNames: ['rv.example', '*.wild.example', '0:0:0:0:0:0:0:1'],
  };
  const loopback: ServerAddress = { ...plain, localIp: '::ffff:127.0.0.1' };
  it.each([
    ['the address of the socket', plain, 'ws://203.0.113.10:7000/', true],
    ['another address', plain, 'ws://203.0.113.11:7000/', false],
    ['another port', plain, 'ws://203.0.113.10:7001/', false],
    ['another scheme', plain, 'wss://203.0.113.10:7000/', false],
    ['another path than was asked for', plain, 'ws://203.0.113.10:7000/other', false],
    ['a name that nothing vouches for', plain, 'ws://rv.example:7000/', false],
    ['localhost, from outside', plain, 'ws://localhost:7000/', false],
    ['a configured URL', plain, 'wss://rv.example:443/here', true],
    ['a configured URL, other path', plain, 'wss://rv.example:443/there', false],
    ['a name in the certificate', tls, 'wss://rv.example:443/', true],
    ['a name in the certificate, other port', tls, 'wss://rv.example:8443/', false],
    ['an address in the certificate', tls, 'wss://[::1]:443/', true],
    ['what only a wildcard covers', tls, 'wss://a.wild.example:443/', false],
    ['the wildcard itself', tls, 'wss://*.wild.example:443/', false],
    ['localhost, over loopback', loopback, 'ws://localhost:7000/', true],
    ['::1, over loopback', loopback, 'ws://[::1]:7000/', true],
    ['127.0.0.1, over loopback', loopback, 'ws://127.0.0.1:7000/', true],
    ['another loopback address', loopback, 'ws://127.0.0.2:7000/', false],
    ['nonsense', loopback, 'x', false],
  ])('%s', (_name, server, url, own) => expect(ownsUrl(server, url)).toBe(own));

  it('takes the request path of a hostile client without throwing', () => {
    fc.assert(
      fc.property(fc.string(), (path) => {
        expect(ownsUrl({ ...plain, requestPath: `/${path}` }, 'ws://x:1/')).toBe(false);
      }),
    );
  });
});
