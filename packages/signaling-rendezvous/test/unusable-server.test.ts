import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { encodeMessage } from '../src/protocol/message.js';
import { SUBPROTOCOL } from '../src/protocol/rendezvous-v1.js';
import { relayTo } from './raw-socket.js';
import { absentKey, Stage, tlsSection, until } from './support.js';

const stage = new Stage();
afterEach(() => stage.clear());

describe('a server that cannot be used: the state says why, in one line', () => {
  const errorOf = async (url: string, options = {}) => {
    const { client } = await stage.client(url, options);
    await until(() => client.states()[0]?.error !== undefined, 'an error', 8000);
    return client.states()[0]?.error;
  };

  it('one that does not know itself by that URL', async () => {
    const { url } = await stage.server();
    expect(await errorOf(await relayTo(stage, url))).toMatch(/does not know itself by this URL/);
    expect(stage.log.filter(({ level }) => level === 'warn').map(({ message }) => message)).toContain(
      'rendezvous: a client dialled a URL that is not ours; if it is, add it to `urls`',
    );
  });

  it('one that is no rendezvous server', async () => {
    const web = createServer((socket) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'));
    web.on('connection', (socket) => socket.resume().on('error', () => undefined));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const { port } = web.address() as AddressInfo;
    expect(await errorOf(`ws://127.0.0.1:${port}`)).toBe('HTTP 404: no rendezvous server answers there');
    await new Promise((resolve) => web.close(resolve));
  });

  it('a name that does not exist', async () => {
    // RFC 6761: never resolves; without any resolver the look-up itself fails.
    expect(await errorOf('ws://rendezvous.invalid:7000')).toMatch(/ENOTFOUND|EAI_AGAIN/);
  });

  it('one with a certificate that nobody vouches for', async () => {
    const { url } = await stage.server({ tls: tlsSection() });
    expect(await errorOf(url)).toMatch(/^TLS: .*(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED)/);
  });

  it('one with a certificate for another name', async () => {
    const { url } = await stage.server({ tls: tlsSection('127.0.0.2:0') });
    expect(await errorOf(url, { caFile: 'test-only-ca.crt' })).toMatch(/^TLS: .*ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  it('a caFile that is not there', async () => {
    const { url } = await stage.server({ tls: tlsSection() });
    expect(await errorOf(url, { caFile: 'missing.crt' })).toMatch(/ENOENT/);
  });
});

describe('a hostile server', () => {
  it('cannot make a client throw or register elsewhere; what it sends is counted', async () => {
    const evil = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => SUBPROTOCOL });
    evil.on('connection', (socket) => {
      socket.send('text');
      socket.send(Buffer.of(1, 2, 3));
      socket.send(encodeMessage({ type: 'message', from: absentKey(), sealed: Buffer.from('unasked') }));
      socket.send(encodeMessage({ type: 'registered', proof: new Uint8Array(32) }));
    });
    await new Promise((resolve) => evil.once('listening', resolve));
    stage.alsoStop(async () => {
      for (const socket of evil.clients) socket.terminate();
      await new Promise((resolve) => evil.close(resolve));
    });
    const a = await stage.client(`ws://127.0.0.1:${(evil.address() as AddressInfo).port}`);
    await until(() => a.client.counters()['unexpected'] === 2, 'the frames');
    expect(a.client.counters()).toEqual({ malformed: 2, unexpected: 2 });
    expect(a.received).toEqual([]);
    expect(a.client.states()).toMatchObject([{ state: 'connecting' }]);
  });
});
