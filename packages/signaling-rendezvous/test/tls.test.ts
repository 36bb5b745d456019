import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { CertificateDates } from '@wirepath/core';
import { CodedError, tlsProblems } from '@wirepath/core/plugin';
import { afterEach, describe, expect, it } from 'vitest';
import { admissionProblems } from '../src/server/admission-list.js';
import { relayTo } from './raw-socket.js';
import { fixturePath, isUp, Stage, tlsSection, until } from './support.js';

const CERT = 'test-only-server.crt';
const KEY = 'test-only-server.key';

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
      ALPNProtocols: ['stun.turn', 'http/1.1'],
    });
    const protocols = new Set<unknown>();
    shared.on('secureConnection', (socket) => {
      protocols.add(socket.alpnProtocol);
      server.adopt(socket);
    });
    await new Promise<void>((resolve) => shared.listen(0, '127.0.0.1', resolve));
    const { port } = shared.address() as AddressInfo;
    const a = await stage.client(`wss://localhost:${port}`, { caFile: 'test-only-ca.crt' });
    await until(() => isUp(a), 'up');
    expect(server.status()).toMatchObject({ clients: 1 });
    expect([...protocols]).toEqual(['http/1.1']);
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

describe('a certificate and its key', () => {
  const files = {
    resolve: fixturePath,
    readSecret: (path: string) => readFile(fixturePath(path), 'utf8'),
    readTrusted: (path: string) => readFile(fixturePath(path), 'utf8'),
  };

  it.each<[string, string, string, RegExp | undefined]>([
    ['that belong together are good', CERT, KEY, undefined],
    ['of which one is missing', 'missing.crt', KEY, /the certificate cannot be read/],
    ['that were taken for each other', KEY, KEY, /test-only-server\.key is not a certificate/],
    ['of which the key is none', CERT, CERT, /test-only-server\.crt is not a private key/],
    ['that do not belong together', 'test-only-ca.crt', KEY, /is not the key of test-only-ca\.crt/],
  ])('%s', async (_what, certFile, keyFile, found) => {
    const problems = await tlsProblems({ certFile, keyFile }, ['rendezvous', 'tls'], files);
    expect(problems.map((one) => one.path.join('.'))).toEqual(found === undefined ? [] : ['rendezvous.tls']);
    if (found !== undefined) expect(problems[0]?.found).toMatch(found);
  });

  it('are of no use before their time and after it, and that is told before it is over', async () => {
    const pem = await readFile(fixturePath(CERT), 'utf8');
    const { validFrom, validTo } = new X509Certificate(pem);
    const dates = new CertificateDates('server.crt', pem);
    const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
    expect(dates.problems(fromMs - 1000)).toEqual([expect.stringMatching(/^server\.crt is not valid before .* clock/)]);
    expect(dates.problems(fromMs)).toEqual([]);
    expect(dates.problems(toMs - 13 * 86_400_000)).toEqual([expect.stringMatching(/expires on .* SIGHUP/)]);
    expect(dates.problems(toMs + 1000)).toEqual([expect.stringMatching(/has expired on .* SIGHUP/)]);
  });
});

it('what is wrong with the rights of a file is told with what mends it, as data', async () => {
  const rights = { command: 'chmod go-w', path: '/etc/wirepath/list' };
  const refuse = () => Promise.reject(new CodedError('CONFIG', 'writable', { advice: 'Mend it.', rights }));
  const files = { resolve: fixturePath, readSecret: refuse, readTrusted: refuse };
  const found = { found: 'writable', suggestion: 'Mend it.', rights };
  expect(await tlsProblems({ certFile: CERT, keyFile: KEY }, ['rendezvous', 'tls'], files)).toEqual([
    expect.objectContaining(found),
  ]);
  expect(await admissionProblems({ allowFile: 'list' }, files)).toEqual([expect.objectContaining(found)]);
});
