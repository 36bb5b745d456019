import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { relayTo } from './raw-socket.js';
import { fixturePath, isUp, Stage, tlsSection, until } from './support.js';

const stage = new Stage();
afterEach(() => stage.clear());

describe('over TLS', () => {
  it('carries messages; the certificate’s names are the server’s own', async () => {
    const { url } = await stage.server({ tls: tlsSection() });
    expect(url).toMatch(/^wss:/);
    const a = await stage.client(url, { caFile: 'test-only-ca.crt' });
    const b = await stage.client(url.replace('127.0.0.1', 'localhost'), { caFile: 'test-only-ca.crt' });
    await until(() => isUp(a) && isUp(b), 'both up');
    a.client.publish(b.publicKey, Buffer.from('x'));
    await until(() => b.received.length === 1, 'the message');
  });

  it('serves connections that somebody else accepted on a shared port', async () => {
    const { server } = await stage.server();
    const shared = createTlsServer({
      cert: await readFile(fixturePath('test-only-server.crt')),
      key: await readFile(fixturePath('test-only-server.key')),
    });
    shared.on('secureConnection', (socket) => server.adopt(socket));
    await new Promise<void>((resolve) => shared.listen(0, '127.0.0.1', resolve));
    const { port } = shared.address() as AddressInfo;
    const a = await stage.client(`wss://localhost:${port}`, { caFile: 'test-only-ca.crt' });
    await until(() => isUp(a), 'up');
    expect(server.status()).toMatchObject({ clients: 1 });
    await stage.clear();
    await new Promise((resolve) => shared.close(resolve));
  });

  it('takes over URLs and the certificate without a restart', async () => {
    const { server, url } = await stage.server({ listen: '127.0.0.1:0' });
    const relay = await relayTo(stage, url);
    const behindProxy = await stage.client(relay);
    await until(() => behindProxy.client.states()[0]?.state === 'down', 'refused');
    server.reload({ rendezvous: { listen: '127.0.0.1:0', urls: [relay] } });
    await until(() => isUp(behindProxy), 'up');
  });
});
