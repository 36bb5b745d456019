import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigProblems } from '../../../src/base/errors/config-problems.js';
import {
  loadYaml,
  nodeYaml,
  OTHER_PEER_KEY,
  PEER_KEY,
  PRIVATE_KEY,
  problemsOf,
  PUBLIC_KEY,
  RcFolder,
} from '../rc-folder.js';

describe('one broken file', () => {
  const broken = `
privateKeyFile: ./missing.key
privateKeyFil: x
addresses: [10.77.0.1/240]
mtu: 100
plugins:
  - ["@sample/transport", { mode: embeded }]
  - ["@sample/sun", {}]
  - ["@sample/relay", { servers: [{ url: "turn:203.0.113.10:3478", username: lab, credentialFile: ./missing }] }]
peers:
  - { name: b, publicKey: "base64=", allowedIps: [10.77.0.2/33] }
  - { name: b, publicKey: "${PEER_KEY}", allowedIps: [10.77.0.2/32], endpont: "192.0.2.9:51820" }
  - { name: c, publicKey: "${PEER_KEY}", allowedIps: [10.77.0.2/32], endpoint: "192.0.2.9" }
traversal: { holePunchTimeout: 15 sec }
log: { level: inof }
`;

  it('yields all its problems at once', async () => {
    const folder = new RcFolder();
    folder.write('rc.yaml', broken, 0o666);
    const problems = await problemsOf(folder.load('rc.yaml'));
    const file = join(folder.path, 'rc.yaml');
    expect(problems.every((problem) => problem.file === file)).toBe(true);
    expect(problems.map((problem) => problem.keyPath).sort()).toEqual(
      [
        '', // writable by others
        'addresses[0]',
        'log.level',
        'mtu',
        'peers[0].allowedIps[0]',
        'peers[0].publicKey',
        'peers[1].endpont',
        'peers[1].name',
        'peers[2].allowedIps[0]',
        'peers[2].endpoint',
        'peers[2].publicKey',
        'plugins[0][1].mode',
        'plugins[1]',
        'plugins[2][1].servers[0].credentialFile',
        'privateKeyFil',
        'privateKeyFile',
        'traversal.holePunchTimeout',
      ].sort(),
    );
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ keyPath: 'privateKeyFil', suggestion: 'did you mean `privateKeyFile`?' }),
        expect.objectContaining({ keyPath: 'peers[1].endpont', suggestion: 'did you mean `endpoint`?' }),
        expect.objectContaining({
          keyPath: 'plugins[1]',
          plugin: '@sample/sun',
          suggestion: 'did you mean `@sample/stun`?',
        }),
        expect.objectContaining({ keyPath: 'log.level', suggestion: 'did you mean `info`?' }),
        expect.objectContaining({
          keyPath: 'plugins[0][1].mode',
          plugin: '@sample/transport',
          expected: 'one of embedded, uapi',
          found: '"embeded"',
          suggestion: 'did you mean `embedded`?',
        }),
        expect.objectContaining({
          keyPath: 'traversal.holePunchTimeout',
          expected: expect.stringContaining('a duration'),
        }),
      ]),
    );
  });

  it('is told in one block per problem, file and key path first', async () => {
    const folder = new RcFolder({ 'rc.yaml': nodeYaml('mut: 1400') });
    const error = await folder.load('rc.yaml').catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ConfigProblems);
    expect(error).toMatchObject({ code: 'CONFIG' });
    expect((error as ConfigProblems).format()).toBe(
      [
        '1 problem in the configuration:',
        '',
        `${join(folder.path, 'rc.yaml')}:2:1 mut`,
        '  expected  one of the keys privateKeyFile, privateKey, interface, addresses, mtu, plugins, peers, peersFile, traversal, log, server, $schema',
        '  found     an unknown key',
        '  did you mean `mtu`?',
      ].join('\n'),
    );
  });

  const secret = 'Sup3rSecretValue';
  it.each([
    ['an inline private key', `privateKey: ${secret}`],
    ['a private key in the place of a public one', nodeYaml(`peers: [{ name: b, publicKey: ${secret} }]`)],
    ['a preshared key', nodeYaml(`peers: [{ name: b, publicKey: "${PEER_KEY}", presharedKey: ${secret} }]`)],
    [
      'a credential of the wrong type',
      nodeYaml(`plugins: [["@sample/relay", { servers: [{ url: u, username: u, credential: [${secret}] }] }]]`),
    ],
    ['a password', `server: { turn: { listen: "127.0.0.1:1", users: ["${secret}"] } }`],
    ['a URL with a password', nodeYaml(`interface: "https://u:${secret}@host"`)],
    ['a file that does not parse', `privateKey: ${secret}\n  x: [`],
  ])('never echoes %s', async (_, yaml) => {
    const error = await loadYaml(yaml).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ConfigProblems);
    expect((error as ConfigProblems).format()).not.toContain(secret);
    expect((error as ConfigProblems).message).not.toContain(secret);
  });
});

describe('what is refused', () => {
  it.each<[string, string, object]>([
    [
      'no private key',
      'mtu: 1420',
      { keyPath: 'privateKeyFile', suggestion: 'create one with: sample genkey > private.key' },
    ],
    ['two private keys', nodeYaml(`privateKey: ${PRIVATE_KEY}`), { keyPath: 'privateKey', found: 'both' }],
    [
      'a key of small order',
      nodeYaml('peers: [{ name: b, publicKey: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }]'),
      { keyPath: 'peers[0].publicKey', found: 'a key of small order' },
    ],
    [
      'a key with loose bits',
      nodeYaml('peers: [{ name: b, publicKey: "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dh=" }]'),
      { keyPath: 'peers[0].publicKey' },
    ],
    [
      'a key with a space before it',
      nodeYaml(`peers: [{ name: b, publicKey: " ${PEER_KEY}" }]`),
      { keyPath: 'peers[0].publicKey', found: 'a key with white space in it' },
    ],
    [
      'a name with a space',
      nodeYaml(`peers: [{ name: "a b", publicKey: "${PEER_KEY}" }]`),
      { keyPath: 'peers[0].name' },
    ],
    ['a long interface name', nodeYaml('interface: a-name-of-16-by_'), { keyPath: 'interface' }],
    [
      'an interface name that no WireGuard tool takes',
      nodeYaml('interface: wp@0'),
      { keyPath: 'interface', expected: expect.stringContaining('1 to 15 of a-z') },
    ],
    ['an interface name with a slash', nodeYaml('interface: ../x'), { keyPath: 'interface' }],
    ['an octet with a leading zero', nodeYaml('addresses: [010.0.0.1/24]'), { keyPath: 'addresses[0]' }],
    ['a number as an address', nodeYaml('addresses: ["1"]'), { keyPath: 'addresses[0]' }],
    [
      'port 0',
      nodeYaml(`peers: [{ name: b, publicKey: "${PEER_KEY}", endpoint: "192.0.2.1:0" }]`),
      { keyPath: 'peers[0].endpoint' },
    ],
    ['an MTU below 576', nodeYaml('mtu: 575'), { keyPath: 'mtu', expected: 'at least 576' }],
    [
      'a plugin as an object',
      nodeYaml('plugins: [{ "@sample/host": {} }]'),
      { keyPath: 'plugins[0]', expected: 'a plugin: "name" or [name, options]' },
    ],
    ['a list as the file', '[1]', { keyPath: '', found: 'a list' }],
    ['a negative duration', nodeYaml('traversal: { upgradeTimeout: -1 }'), { keyPath: 'traversal.upgradeTimeout' }],
  ])('%s', async (_, yaml, expected) => {
    expect(await problemsOf(loadYaml(yaml))).toMatchObject([expected]);
  });

  it('YAML that does not parse, with its place', async () => {
    expect(await problemsOf(loadYaml('a: 1\nb: [1\nc: 2\n'))).toMatchObject([{ expected: 'YAML', line: 3 }]);
    expect(await problemsOf(loadYaml('plugins:\n  - @sample/host\n'))).toMatchObject([
      { line: 2, suggestion: 'a name that begins with @ has to be quoted in YAML' },
    ]);
    expect(await problemsOf(loadYaml('mtu: 1420\nlog:\n\tlevel: info\n'))).toMatchObject([
      { suggestion: 'indent with spaces: YAML takes no tabs there' },
    ]);
    const folder = new RcFolder({ 'rc.json': '{\n "mtu": 1420,\n "x" 1 }' });
    expect(await problemsOf(folder.load('rc.json'))).toMatchObject([{ expected: 'JSON', line: 3 }]);
  });

  it('a file that is not there, and a folder', async () => {
    const folder = new RcFolder();
    expect(await problemsOf(folder.load('none.yaml'))).toMatchObject([{ found: 'there is no such file' }]);
    expect(await problemsOf(folder.load('.'))).toMatchObject([{ found: 'it is a folder' }]);
  });
});

describe('what is warned about', () => {
  it.each<[string, string, object]>([
    [
      'our own address with a peer',
      nodeYaml(`addresses: [10.77.0.1/24]\npeers: [{ name: b, publicKey: "${PEER_KEY}", allowedIps: [10.77.0.1/32] }]`),
      { keyPath: 'peers[0].allowedIps', message: '10.77.0.1/32 is an address of our own interface' },
    ],
    [
      'host bits in allowed IPs',
      nodeYaml(`peers: [{ name: b, publicKey: "${PEER_KEY}", allowedIps: [10.77.0.2/24] }]`),
      { keyPath: 'peers[0].allowedIps[0]', message: expect.stringContaining('10.77.0.0/24') },
    ],
    [
      'a list of peers that has nobody but ourselves',
      nodeYaml(`peers: [{ name: b, publicKey: "${PUBLIC_KEY}" }]`),
      { keyPath: 'peers[0].publicKey', message: expect.stringContaining('needs a private key of its own') },
    ],
    ['an MTU too small for IPv6', nodeYaml('mtu: 1000\naddresses: ["2001:db8::1/64"]'), { keyPath: 'mtu' }],
    [
      'a network within another peer’s',
      nodeYaml(`peers:
  - { name: b, publicKey: "${PEER_KEY}", allowedIps: [10.77.0.0/24] }
  - { name: c, publicKey: "${OTHER_PEER_KEY}", allowedIps: [10.77.0.2/32] }`),
      { keyPath: 'peers[1].allowedIps[0]' },
    ],
  ])('%s', async (_, yaml, expected) => {
    expect((await loadYaml(yaml)).warnings).toMatchObject([expected]);
  });

  it('not a network within a default route, which is how one leaves through a peer', async () => {
    const config = await loadYaml(
      nodeYaml(`peers:
  - { name: exit, publicKey: "${PEER_KEY}", allowedIps: [0.0.0.0/0, "::/0"] }
  - { name: c, publicKey: "${OTHER_PEER_KEY}", allowedIps: [10.77.0.2/32] }`),
    );
    expect(config.warnings).toEqual([]);
  });
});

describe('secrets in the file itself', () => {
  const yaml = nodeYaml(
    'plugins: ["@sample/transport", ["@sample/relay", { servers: [{ url: u, username: u, credential: c }] }]]',
  );

  it('are warned about where others may read it, and inline keys always', async () => {
    const folder = new RcFolder({ 'rc.yaml': yaml });
    expect((await folder.load('rc.yaml')).warnings).toMatchObject([
      { keyPath: 'plugins[1][1].servers[0].credential', message: expect.stringContaining('chmod go-r') },
    ]);
    folder.write('rc.yaml', yaml, 0o600);
    expect((await folder.load('rc.yaml')).warnings).toEqual([]);
    folder.write('rc.yaml', `privateKey: ${PRIVATE_KEY}`, 0o600);
    expect((await folder.load('rc.yaml')).warnings).toMatchObject([
      { keyPath: 'privateKey', message: expect.stringContaining('privateKeyFile') },
    ]);
  });
});

it('YAML that contains itself, or grows without end, is walked once', async () => {
  const laughs = ['a: &a0 [x]', ...Array.from({ length: 40 }, (_, n) => `b${n}: &a${n + 1} [${`*a${n}, `.repeat(9)}]`)];
  const problems = await problemsOf(
    loadYaml(`server:\n  loop: &self { self: *self, keyFile: none }\n  ${laughs.join('\n  ')}\n`),
  );
  expect(problems.map(({ keyPath }) => keyPath)).toContain('server.loop.keyFile');
});
