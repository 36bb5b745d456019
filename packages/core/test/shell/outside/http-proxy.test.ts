import { describe, expect, it } from 'vitest';
import { isHttpProxyUrl, proxyFor } from '../../../src/shell/outside/http-proxy.js';

const server = { host: 'relay.example', port: 443 };
const env = { HTTPS_PROXY: 'http://proxy.example:3128' };
const shownFor = (noProxy: string, to = server) => proxyFor(to, undefined, { ...env, NO_PROXY: noProxy })?.shown;

describe('the proxy for a server', () => {
  it.each<[string, string | false | undefined, Record<string, string>, string | undefined]>([
    ['is none where none is named', undefined, {}, undefined],
    ['is that of the environment', undefined, env, 'http://proxy.example:3128'],
    ['is that of the environment in small letters', undefined, { https_proxy: 'http://p:1' }, 'http://p:1'],
    ['is named without a scheme', undefined, { HTTPS_PROXY: 'proxy.example:3128' }, 'http://proxy.example:3128'],
    ['is none where the environment has it empty', undefined, { HTTPS_PROXY: '' }, undefined],
    ['is that of the options before it', 'https://[2001:db8::1]:8080', env, 'https://[2001:db8::1]:8080'],
    ['is that of the options for exceptions of the environment too', 'http://p', { NO_PROXY: '*' }, 'http://p'],
    ['is none where the options say so', false, env, undefined],
  ])('%s', (_what, choice, environment, shown) => {
    expect(proxyFor(server, choice, environment)?.shown).toBe(shown);
  });

  it('has the port of its scheme, and its address without brackets', () => {
    expect(proxyFor(server, 'http://p', {})).toMatchObject({ host: 'p', port: 80, secure: false });
    expect(proxyFor(server, 'https://[::1]', {})).toMatchObject({ host: '::1', port: 443, secure: true });
  });

  it('has the user and the password in a header, and not in what is shown', () => {
    const proxy = proxyFor(server, 'http://me:p%40ss%3A@proxy.example:3128', {});
    expect(proxy?.authorization).toBe(`Basic ${Buffer.from('me:p@ss:').toString('base64')}`);
    expect(proxy?.shown).toBe('http://proxy.example:3128');
    expect(proxyFor(server, 'http://proxy.example:3128', {})?.authorization).toBeUndefined();
  });

  it.each(['socks5://p:1080', 'http://?', 'http://user:%zz@p', 'http://p:99999'])('is not %s', (url) => {
    expect(isHttpProxyUrl(url)).toBe(false);
    for (const [choice, environment, where] of [
      [url, {}, /^`proxy` is not/],
      [undefined, { HTTPS_PROXY: url }, /^HTTPS_PROXY in the environment is not/],
    ] as const) {
      expect(() => proxyFor(server, choice, environment)).toThrow(where);
      expect(() => proxyFor(server, choice, environment)).not.toThrow(url);
    }
  });
});

describe('NO_PROXY', () => {
  it.each<[string, string, number, boolean]>([
    ['', 'relay.example', 443, false],
    ['*', 'relay.example', 443, true],
    ['relay.example', 'relay.example', 443, true],
    ['other.example, Relay.Example', 'relay.example.', 443, true],
    ['relay.example', 'a.relay.example', 443, true],
    ['.example', 'relay.example', 443, true],
    ['*.example', 'relay.example', 443, true],
    ['lay.example', 'relay.example', 443, false],
    ['relay.example:443', 'relay.example', 443, true],
    ['relay.example:80', 'relay.example', 443, false],
    ['192.0.2.1', '192.0.2.1', 443, true],
    ['192.0.2.0/24', '192.0.2.1', 443, true],
    ['192.0.2.0/24', '192.0.3.1', 443, false],
    ['192.0.2.1:443', '192.0.2.1', 443, true],
    ['2001:db8::/32', '2001:db8::1', 443, true],
    ['2001:DB8:0::1', '2001:db8::1', 443, true],
    ['[2001:db8::1]:443', '2001:db8::1', 443, true],
    ['[2001:db8::1]:80', '2001:db8::1', 443, false],
    ['0.2.1', '192.0.2.1', 443, false],
    ['', 'localhost', 443, true],
    ['', '127.0.0.1', 443, true],
    ['', '::1', 443, true],
  ])('%j, to %s port %i: without a proxy %s', (list, host, port, direct) => {
    expect(shownFor(list, { host, port }) === undefined).toBe(direct);
  });
});
