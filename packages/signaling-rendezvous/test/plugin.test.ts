import type { SchemaLibrary } from '@wirepath/core/plugin';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import plugin, { RendezvousClient, RendezvousServer } from '../src/index.js';
import { serverNeeds, testIdentity } from './support.js';

// The core hands its schema library in; it is no dependency of ours.
const core = createRequire(import.meta.url).resolve('@wirepath/core/package.json');
const { z } = createRequire(core)('zod') as { z: SchemaLibrary };

const client = plugin.options!(z);
const part = plugin.serverParts![0]!;
const server = part.options(z);

describe('plugin', () => {
  it('provides signaling', async () => {
    const options = client.parse({ url: 'ws://127.0.0.1:7000', urls: ['wss://rv.example/path'] });
    const needs = { ...serverNeeds(), identity: testIdentity() } as unknown as Parameters<typeof plugin.create>[0];
    const { signaling } = await plugin.create(needs, options);
    expect(signaling).toBeInstanceOf(RendezvousClient);
    expect(signaling?.states()).toMatchObject([
      { url: 'ws://127.0.0.1:7000', state: 'down' },
      { url: 'wss://rv.example/path', state: 'down' },
    ]);
  });

  it('has a part for `server: { rendezvous }`', () => {
    const options = server.parse({ rendezvous: { listen: '127.0.0.1:7000' } });
    expect(part.sections).toEqual(['rendezvous']);
    expect(part.create(serverNeeds(), options as never)).toBeInstanceOf(RendezvousServer);
  });

  it.each<[string, unknown, boolean]>([
    ['one URL', { url: 'ws://203.0.113.10:7000' }, true],
    ['several', { urls: ['ws://203.0.113.10:7000', 'wss://rv.example'] }, true],
    ['with an authority', { url: 'wss://rv.example', caFile: './ca.crt' }, true],
    ['none', {}, false],
    ['an empty list', { urls: [] }, false],
    ['another scheme', { url: 'http://203.0.113.10:7000' }, false],
    ['a credential', { url: 'ws://user:secret@203.0.113.10:7000' }, false],
    ['an unknown key', { url: 'ws://203.0.113.10:7000', uri: 'x' }, false],
  ])('client options: %s', (_name, options, valid) => expect(client.safeParse(options).success).toBe(valid));

  const tls = { listen: '127.0.0.1:443', certFile: 'a', keyFile: 'b' };
  it.each<[string, unknown, boolean]>([
    ['an address', { listen: '203.0.113.10:7000' }, true],
    ['several', { listen: ['0.0.0.0:7000', '[::]:7000'] }, true],
    ['TLS only', { tls }, true],
    ['everything', { listen: '0.0.0.0:7000', tls, urls: ['wss://rv.example'], maxClients: 5 }, true],
    ['a list of keys', { listen: '0.0.0.0:7000', allow: [testIdentity().publicKey], allowFile: './keys' }, true],
    ['a list with what is no key', { listen: '0.0.0.0:7000', allow: ['x'] }, false],
    ['nothing', {}, false],
    ['a name to listen on', { listen: 'localhost:7000' }, false],
    ['TLS without a key', { tls: { listen: '127.0.0.1:443', certFile: 'a' } }, false],
    ['a URL of another scheme', { listen: '0.0.0.0:7000', urls: ['https://rv.example'] }, false],
    ['no clients', { listen: '0.0.0.0:7000', maxClients: 0 }, false],
    ['an unknown key', { listen: '0.0.0.0:7000', port: 7000 }, false],
  ])('server options: %s', (_name, rendezvous, valid) => expect(server.safeParse({ rendezvous }).success).toBe(valid));

  it('finds what is wrong in the file of keys, line by line', async () => {
    const key = testIdentity().publicKey;
    const text = `${key}\r\n# a comment\n\n${key} # another\n${key.slice(1)}\n${key} ${key}\n`;
    const files = { ...serverNeeds().files, readTrusted: async () => text };
    const problems = await part.check!({ rendezvous: { allowFile: '/keys' } } as never, { files });
    expect(problems).toMatchObject([
      { path: ['rendezvous', 'allowFile'], file: '/keys', line: 5 },
      { path: ['rendezvous', 'allowFile'], file: '/keys', line: 6 },
    ]);
    expect(await part.check!({ rendezvous: {} } as never, { files })).toEqual([]);
  });

  it('has options that a JSON Schema can show', () => {
    expect(z.toJSONSchema(client)).toMatchObject({ type: 'object', additionalProperties: false });
    expect(z.toJSONSchema(server)).toMatchObject({ type: 'object', additionalProperties: false });
  });
});
