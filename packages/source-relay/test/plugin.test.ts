import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import type { SchemaLibrary } from '@wirepath/core/plugin';
import plugin, { NodeTurnServer, StunTurnServer } from '../src/index.js';
import { testNeeds } from './needs.js';

// The library that core hands to plugins is core's dependency, not the plugin's.
const { z } = createRequire(new URL('../../core/package.json', import.meta.url))('zod') as { z: SchemaLibrary };
const [part] = plugin.serverParts!;

const keysOf = (result: ReturnType<ReturnType<NonNullable<typeof plugin.options>>['safeParse']>) =>
  result.error?.issues.map(({ path }) => path.join('.')) ?? [];
const client = (servers: unknown) => plugin.options!(z).safeParse({ servers });
const server = (sections: unknown) => part!.options(z).safeParse(sections);

const relay = { url: 'turn:203.0.113.10:3478', username: 'lab', credential: 'secret' };
const listen = '203.0.113.10:3478';

describe("the plugin's options", () => {
  it('are none needed', () => {
    expect(plugin.options!(z).parse({})).toEqual({ servers: [] });
  });

  it.each([
    ['a relay', [relay]],
    ['one with its credential in a file', [{ ...relay, credential: undefined, credentialFile: './secret' }]],
    ['one over TLS', [{ ...relay, url: 'turns:relay.example?transport=tcp', caFile: './ca.pem' }]],
    ['one that is reached in several ways', [{ ...relay, url: [relay.url, 'turns:203.0.113.10:443'] }]],
    ['one that is reached however it can be', [{ ...relay, url: 'auto:relay.example' }]],
    ['a secret that the server shares', [{ ...relay, credential: undefined, sharedSecret: 'x' }]],
    ['that secret in a file', [{ ...relay, credential: undefined, sharedSecretFile: './secret' }]],
  ])('take %s', (_what, servers) => {
    expect(client(servers).success).toBe(true);
  });

  it.each([
    ['a STUN URL', [{ ...relay, url: 'stun:203.0.113.10' }], '0.url'],
    ['no user name', [{ ...relay, username: '' }], '0.username'],
    ['no credential', [{ ...relay, credential: undefined }], '0.credential'],
    ['two credentials', [{ ...relay, credentialFile: './secret' }], '0.credential'],
    ['a credential beside a shared secret', [{ ...relay, sharedSecret: 'x' }], '0.credential'],
    ['no URL', [{ ...relay, url: [] }], '0.url'],
    ['auto: in a list', [{ ...relay, url: ['auto:relay.example'] }], '0.url.0'],
    ['one URL twice, in a list and as auto:', [relay, { ...relay, url: 'auto:203.0.113.10' }], ''],
    ['an unknown key', [{ ...relay, password: 'x' }], '0'],
    ['one URL twice', [relay, relay], ''],
  ])('refuse %s', (_what, servers, key) => {
    expect(keysOf(client(servers))).toEqual([`servers${key === '' ? '' : '.'}${key}`]);
  });

  it("need the transport's sockets where there is a server", () => {
    const requiredWith = (servers: unknown) =>
      typeof plugin.requires === 'function' && plugin.requires(client(servers).data);
    expect(requiredWith([])).toEqual([]);
    expect(requiredWith([relay])).toEqual(['datagrams']);
  });

  it.each<[string, string | string[], object[]]>([
    ['one URL', 'turns:relay.example', [{ url: 'turns:relay.example', transport: 'tls' }]],
    ['a list of one', ['turn:192.0.2.1'], [{ url: 'turn:192.0.2.1', transport: 'udp' }]],
    [
      'a list',
      ['turn:192.0.2.1', 'turn:192.0.2.1?transport=tcp'],
      [
        { url: 'turn:192.0.2.1', transport: 'udp', group: 'turn:192.0.2.1 turn:192.0.2.1?transport=tcp' },
        {
          url: 'turn:192.0.2.1?transport=tcp',
          transport: 'tcp',
          group: 'turn:192.0.2.1 turn:192.0.2.1?transport=tcp',
        },
      ],
    ],
    [
      'auto:',
      'auto:[2001:db8::1]:4000',
      [
        { url: 'turn:[2001:db8::1]:4000', transport: 'udp', group: 'auto:[2001:db8::1]:4000' },
        { url: 'turn:[2001:db8::1]:4000?transport=tcp', transport: 'tcp', group: 'auto:[2001:db8::1]:4000' },
        { url: 'turns:[2001:db8::1]:443', transport: 'tls', group: 'auto:[2001:db8::1]:4000' },
      ],
    ],
  ])('list every way of %s', async (_what, url, expected) => {
    const options = client([{ ...relay, url }]).data as { servers: never[] };
    const { relay: made } = await plugin.create(testNeeds() as never, options);
    expect(made?.servers).toEqual(expected);
    // After a reload the same objects.
    const before = [...made!.servers];
    made!.reload?.(options);
    made!.servers.forEach((server, index) => expect(server).toBe(before[index]));
    made!.reload?.(client([{ ...relay, url, username: 'another' }]).data);
    made!.servers.forEach((server, index) => expect(server).not.toBe(before[index]));
  });

  it('take an HTTP proxy, or none', () => {
    const proxied = (proxy: unknown) => client([{ ...relay, proxy }]).success;
    expect([undefined, false, 'http://me:secret@proxy.example:3128'].map(proxied)).toEqual([true, true, true]);
    expect(['socks5://proxy.example', true, ''].map(proxied)).toEqual([false, false, false]);
  });
});

describe('the server sections', () => {
  it('are the ones of the documented file', () => {
    const sections = {
      stun: { listen, alternate: '203.0.113.11:3479' },
      turn: {
        listen,
        externalAddress: null,
        tls: { listen: '203.0.113.10:443', certFile: './c.pem', keyFile: './k.pem' },
        realm: 'lab',
        users: { lab: 'secret' },
        relayPorts: [49152, 65535],
        maxAllocations: 100,
      },
    };
    const parsed = server(sections);
    expect(keysOf(parsed)).toEqual([]);
    expect(parsed.data).toMatchObject({ ...sections, turn: { allowPeers: [], denyPeers: [], engine: 'embedded' } });
    expect(part!.create(testNeeds(), parsed.data as never)).toBeInstanceOf(StunTurnServer);
  });

  it.each([
    ['no port', { stun: { listen: '203.0.113.10' } }, 'stun.listen'],
    ['a host name', { turn: { listen: 'localhost:3478' } }, 'turn.listen'],
    ['an alternate with the same port', { stun: { listen, alternate: '203.0.113.11:3478' } }, 'stun.alternate'],
    ['an alternate with the same address', { stun: { listen, alternate: '203.0.113.10:3479' } }, 'stun.alternate'],
    [
      'an alternate of a wildcard',
      { stun: { listen: '0.0.0.0:3478', alternate: '203.0.113.10:3479' } },
      'stun.alternate',
    ],
    ['an external address with port', { turn: { listen, externalAddress: '198.51.100.1:1' } }, 'turn.externalAddress'],
    ['relay ports the wrong way round', { turn: { listen, relayPorts: [2000, 1000] } }, 'turn.relayPorts'],
    ['no allocations at all', { turn: { listen, maxAllocations: 0 } }, 'turn.maxAllocations'],
    ['what is no CIDR', { turn: { listen, allowPeers: ['10.0.0.0/40'] } }, 'turn.allowPeers.0'],
    ['a user without secret', { turn: { listen, users: { lab: '' } } }, 'turn.users.lab'],
    ['node-turn off loopback', { turn: { listen, engine: 'node-turn' } }, 'turn.engine'],
    ['an unknown key', { turn: { listen, secret: 'x' } }, 'turn'],
  ])('refuse %s', (_what, sections, key) => {
    expect(keysOf(server(sections))).toEqual([key]);
  });

  it('choose node-turn on loopback', () => {
    const { data } = server({ turn: { listen: '127.0.0.1:3478', engine: 'node-turn' } });
    expect(part!.create(testNeeds(), data as never)).toBeInstanceOf(NodeTurnServer);
  });
});

describe('starting and stopping on real sockets', () => {
  it('names the address that is in use, and leaves nothing open', async () => {
    const first = new StunTurnServer(testNeeds(), { stun: { listen: '127.0.0.1:0' } });
    await first.start({ signal: new AbortController().signal });
    const taken = `127.0.0.1:${first.addresses()[0]!.port}`;
    const second = new StunTurnServer(testNeeds(), { stun: { listen: taken } });
    await expect(second.start({ signal: new AbortController().signal })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      subject: taken,
    });
    await first.stop();
    const third = new StunTurnServer(testNeeds(), { stun: { listen: taken } });
    await third.start({ signal: new AbortController().signal });
    await third.stop();
  });

  it('says when this machine has no such address', async () => {
    const server = new StunTurnServer(testNeeds(), { stun: { listen: '192.0.2.1:0' } });
    await expect(server.start({ signal: new AbortController().signal })).rejects.toMatchObject({
      code: 'NETWORK_CONFIG',
    });
  });

  it.each(['before', 'during'])('can be stopped %s its start', async (when) => {
    const server = new StunTurnServer(testNeeds(), {
      stun: { listen: '127.0.0.1:0' },
      turn: { listen: '127.0.0.2:0' },
    });
    if (when === 'before') await server.stop();
    const starting = server.start({ signal: new AbortController().signal });
    if (when === 'during') await server.stop();
    await expect(starting).rejects.toMatchObject({ code: 'ABORTED' });
    expect(server.describe()).toEqual([]);
  });

  it('does not start when it is aborted', async () => {
    const server = new StunTurnServer(testNeeds(), { stun: { listen: '127.0.0.1:0' } });
    await expect(server.start({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(server.describe()).toEqual([]);
  });
});
