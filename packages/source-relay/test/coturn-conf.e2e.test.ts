import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TurnRelay } from '../src/index.js';
import { missing, startCoturnOf, type Coturn } from './coturn.js';
import { DgramDatagrams } from './dgram-datagrams.js';
import { testNeeds } from './needs.js';
import { fixture } from './stream-front.js';

const DOCUMENT = new URL('../../../docs/relay.md', import.meta.url);
const reason = missing('turnserver');
if (reason !== undefined) console.log(`coturn.conf of docs/relay.md: ${reason}`);
const { signal } = new AbortController();

describe.skipIf(reason)('the coturn.conf of docs/relay.md', () => {
  let coturn: Coturn;

  beforeAll(async () => {
    const [, conf = ''] = /```conf\n([\s\S]*?)```/.exec(await readFile(DOCUMENT, 'utf8')) ?? [];
    expect(conf).toContain('use-auth-secret');
    // What is of another machine.
    const here = (line: string, tlsPort: number) =>
      line
        .replace(/^(listening-ip|relay-ip|listening-port)=.*/, '')
        .replace(/^(tls-listening-port)=.*/, `$1=${tlsPort}`)
        .replace(/^(cert)=.*/, `$1=${fixture('test-only-server.crt')}`)
        .replace(/^(pkey)=.*/, `$1=${fixture('test-only-server.key')}`);
    const lines = conf.split('\n');
    coturn = await startCoturnOf('127.0.0.1', (tlsPort) => lines.map((line) => here(line, tlsPort)).join('\n'));
  });
  afterAll(() => coturn.stop());

  it.each(['udp', 'tcp', 'tls'] as const)('serves our client over %s', async (transport) => {
    const datagrams = await DgramDatagrams.open();
    const credential = { username: 'site-a', sharedSecret: 'change-this', caFile: fixture('test-only-ca.crt') };
    const relay = new TurnRelay(testNeeds(), { servers: [{ url: coturn.urls[transport], ...credential }] });
    try {
      const allocation = await relay.allocate(relay.servers[0]!, { datagrams, signal });
      expect(allocation.server.transport).toBe(transport);
      const permit = (ip: string) => allocation.permit({ family: 4, ip, port: 9 }, { signal });
      await permit('192.0.2.1');
      await expect(permit('10.0.0.1')).rejects.toMatchObject({ code: 'TURN_RELAY' });
      await expect(permit('127.0.0.1')).rejects.toMatchObject({ code: 'TURN_RELAY' });
      await allocation.close();
    } finally {
      await datagrams.close();
    }
  });
});
