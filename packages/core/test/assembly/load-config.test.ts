import { describe, expect, it } from 'vitest';
import {
  loadYaml,
  nodeYaml,
  OTHER_PEER_KEY,
  PEER_KEY,
  PRIVATE_KEY,
  problemsOf,
  PUBLIC_KEY,
  RcFolder,
} from '../rc-file/rc-folder.js';

describe('a node', () => {
  it('needs no more than a private key', async () => {
    const config = await loadYaml(nodeYaml());
    expect(config.node?.identity.publicKey).toBe(PUBLIC_KEY);
    expect(config.node?.settings).toEqual({ interfaceName: 'sample0', addresses: [], mtu: 1420 });
    expect(config.node?.traversal).toEqual({
      enabled: true,
      holePunchTimeoutMs: 15_000,
      refreshIntervalMs: 60_000,
      maxCandidatePairs: 10,
      hardNat: true,
      upgradeTimeoutMs: 5000,
    });
    expect(config.plugins.map((plugin) => plugin.name)).toEqual([
      '@sample/transport',
      '@sample/host',
      '@sample/signal',
    ]);
    expect(config.log).toEqual({ level: 'info' });
    expect(config.warnings).toEqual([]);
    expect(config.serverParts).toEqual([]);
  });

  it('is read with every key', async () => {
    const folder = new RcFolder({
      'rc.yaml': nodeYaml(`
interface: wp0
addresses: [10.77.0.1/24, "2001:DB8::1/64", 192.0.2.1]
mtu: 1380
plugins:
  - ["@sample/transport", { mode: embedded, listenPort: 51820 }]
  - "@sample/host"
  - ["@sample/stun", { servers: ["203.0.113.10:3478"] }]
peers:
  - { name: b, publicKey: "${PEER_KEY}", allowedIps: [10.77.0.2/32, "2001:db8::2"], keepalive: 10, presharedKeyFile: psk }
  - { name: plain, publicKey: "${OTHER_PEER_KEY}", allowedIps: [10.77.0.9/32], endpoint: "192.0.2.9:51820" }
traversal: { enabled: false, holePunchTimeout: 500ms, refreshInterval: 1.5m, maxCandidatePairs: 3, upgradeTimeout: 2500 }
log: { level: debug }
`),
    });
    folder.write('psk', PRIVATE_KEY, 0o600);
    const config = await folder.load('rc.yaml');
    expect(config.node?.settings).toEqual({
      interfaceName: 'wp0',
      addresses: ['10.77.0.1/24', '2001:db8::1/64', '192.0.2.1/32'],
      mtu: 1380,
    });
    expect(config.node?.peers).toEqual([
      {
        name: 'b',
        publicKey: PEER_KEY,
        presharedKey: new Uint8Array(Buffer.from(PRIVATE_KEY, 'base64')),
        allowedIps: ['10.77.0.2/32', '2001:db8::2/128'],
        keepaliveSeconds: 10,
      },
      {
        name: 'plain',
        publicKey: OTHER_PEER_KEY,
        allowedIps: ['10.77.0.9/32'],
        keepaliveSeconds: 0,
        endpoint: { host: '192.0.2.9', port: 51820 },
      },
    ]);
    expect(config.node?.traversal).toEqual({
      enabled: false,
      hardNat: true,
      holePunchTimeoutMs: 500,
      refreshIntervalMs: 90_000,
      maxCandidatePairs: 3,
      upgradeTimeoutMs: 2500,
    });
    expect(config.plugins[0]).toMatchObject({
      keyPath: 'plugins[0]',
      options: { mode: 'embedded', listenPort: 51820 },
    });
    expect(config.log).toEqual({ level: 'debug' });
    expect(Object.isFrozen(config.node?.peers[0]?.allowedIps)).toBe(true);
    expect(Object.isFrozen(config.plugins[2]?.options)).toBe(true);
  });

  it('keeps signalled peers alive every 25 s, and plain ones not at all, unless told', async () => {
    const config = await loadYaml(
      nodeYaml(`peers:
  - { name: a, publicKey: "${PEER_KEY}" }
  - { name: b, publicKey: "${OTHER_PEER_KEY}", endpoint: "host.example:51820" }`),
    );
    expect(config.node?.peers.map((peer) => peer.keepaliveSeconds)).toEqual([25, 0]);
    expect(config.node?.peers[1]?.endpoint).toEqual({ host: 'host.example', port: 51820 });
  });
});

describe('a server', () => {
  it('needs only `server`', async () => {
    const config = await loadYaml(`
server:
  stun: { listen: "203.0.113.10:3478" }
  turn: { listen: "203.0.113.10:3478", users: { lab: secret } }
`);
    expect(config.node).toBeUndefined();
    expect(config.plugins).toEqual([]);
    expect(config.serverParts).toMatchObject([{ plugin: '@sample/relay', sections: ['stun', 'turn'] }]);
  });

  it('can share its file with a node', async () => {
    const config = await loadYaml(nodeYaml('server: { stun: { listen: "127.0.0.1:3478" } }'));
    expect(config.node).toBeDefined();
    expect(config.serverParts).toHaveLength(1);
  });

  it('does not accept sections that nobody takes, or keys that a section does not have', async () => {
    const problems = await problemsOf(loadYaml('server: { stum: {}, turn: { listn: x, users: {} } }'));
    expect(problems).toMatchObject([
      { keyPath: 'server.stum', suggestion: 'did you mean `stun`?' },
      { keyPath: 'server.turn.listen', plugin: '@sample/relay', found: 'nothing' },
      { keyPath: 'server.turn.listn', plugin: '@sample/relay', suggestion: 'did you mean `listen`?' },
    ]);
  });
});

describe('formats', () => {
  const data = { privateKeyFile: './private.key', mtu: 1400 };
  it.each([
    ['rc.json', JSON.stringify(data)],
    ['rc.yaml', 'privateKeyFile: ./private.key\nmtu: 1400'],
    ['rc.yml', 'privateKeyFile: ./private.key\nmtu: 1400'],
    ['.samplerc', JSON.stringify(data)],
    ['.samplerc', 'privateKeyFile: ./private.key\nmtu: 1400'],
    ['node-a.conf', 'privateKeyFile: ./private.key\nmtu: 1400'],
    ['package.json', JSON.stringify({ name: 'x', sample: data })],
    ['sample.config.mjs', `export default ${JSON.stringify(data)};`],
    ['sample.config.cjs', `module.exports = ${JSON.stringify(data)};`],
    ['sample.config.ts', `const mtu: number = 1400; export default { privateKeyFile: './private.key', mtu };`],
  ])('%s', async (name, text) => {
    const config = await new RcFolder({ [name]: text }).load(name);
    expect(config.node?.settings.mtu).toBe(1400);
  });

  it('a package.json without our property', async () => {
    const folder = new RcFolder({ 'package.json': '{}' });
    expect(await problemsOf(folder.load('package.json'))).toMatchObject([
      { expected: 'a property "sample" in package.json' },
    ]);
  });
});
