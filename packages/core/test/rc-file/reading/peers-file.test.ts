import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeYaml, OTHER_PEER_KEY, PEER_KEY, problemsOf, PUBLIC_KEY, RcFolder } from '../rc-folder.js';

const entry = (name: string, key: string, more = '') => `- { name: ${name}, publicKey: "${key}"${more} }\n`;

describe('a file of peers', () => {
  it.each([
    ['peers.yaml', entry('b', PEER_KEY, ', allowedIps: [10.77.0.2/32]')],
    ['peers.json', JSON.stringify([{ name: 'b', publicKey: PEER_KEY, allowedIps: ['10.77.0.2/32'] }])],
    ['lists/peers', entry('b', PEER_KEY, ', allowedIps: [10.77.0.2/32]')],
  ])('%s is read from beside the rc file', async (name, text) => {
    const folder = new RcFolder({ 'rc.yaml': nodeYaml(`peersFile: ./${name}`), [name]: text });
    const config = await folder.load('rc.yaml');
    expect(config.node?.peers).toMatchObject([{ name: 'b', publicKey: PEER_KEY, allowedIps: ['10.77.0.2/32'] }]);
  });

  it('adds to `peers`', async () => {
    const folder = new RcFolder({
      'rc.yaml': nodeYaml(`peersFile: peers.yaml\npeers:\n  ${entry('a', PEER_KEY)}`),
      'peers.yaml': entry('b', OTHER_PEER_KEY),
    });
    expect((await folder.load('rc.yaml')).node?.peers.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('may be named by the environment alone', async () => {
    const folder = new RcFolder({ 'rc.yaml': nodeYaml(), 'peers.yaml': entry('b', PEER_KEY) });
    const config = await folder.load('rc.yaml', { env: { SAMPLE_PEERS_FILE: 'peers.yaml' } });
    expect(config.node?.peers).toHaveLength(1);
    const none = folder.load('rc.yaml', { env: { SAMPLE_PEERS_FILE: 'none.yaml' } });
    expect(await problemsOf(none)).toMatchObject([
      { file: 'environment variable SAMPLE_PEERS_FILE', keyPath: 'peersFile' },
    ]);
  });

  it('makes the rc file one of a node', async () => {
    const folder = new RcFolder({ 'rc.yaml': 'server: {}\npeersFile: peers.yaml', 'peers.yaml': '[]' });
    expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([{ keyPath: 'privateKeyFile' }]);
  });
});

describe('our own key', () => {
  const shared =
    entry('a', PUBLIC_KEY, ', allowedIps: [10.77.0.1/32]') + entry('b', PEER_KEY, ', allowedIps: [10.77.0.2/32]');

  it('is skipped in a list that serves every machine, without a word of warning', async () => {
    const folder = new RcFolder({
      'rc.yaml': nodeYaml('addresses: [10.77.0.1/24]\npeersFile: peers.yaml'),
      'peers.yaml': shared,
    });
    const config = await folder.load('rc.yaml');
    expect(config.node?.peers.map(({ name }) => name)).toEqual(['b']);
    expect(config.node?.ownEntries).toEqual([`${join(folder.path, 'peers.yaml')} [0]`]);
    expect(config.warnings).toEqual([]);
  });

  it('is skipped in `peers` too, and in both at once', async () => {
    const folder = new RcFolder({
      'rc.yaml': nodeYaml(`peersFile: peers.yaml\npeers:\n  ${entry('a', PUBLIC_KEY)}`),
      'peers.yaml': shared,
    });
    expect((await folder.load('rc.yaml')).node?.peers.map(({ name }) => name)).toEqual(['b']);
  });
});

describe('problems in a file of peers bear its name', () => {
  const problems = (list: string, more = '') => {
    const folder = new RcFolder({ 'rc.yaml': nodeYaml(`peersFile: peers.yaml\n${more}`), 'peers.yaml': list });
    return problemsOf(folder.load('rc.yaml')).then((found) =>
      found.map(({ file, ...rest }) => ({ file: file.replace(`${folder.path}/`, ''), ...rest })),
    );
  };

  it.each<[string, string, object]>([
    [
      'an unknown key',
      entry('b', PEER_KEY, ', allowedIp: []'),
      { keyPath: '[0].allowedIp', suggestion: 'did you mean `allowedIps`?' },
    ],
    ['no key', '- { name: b }', { keyPath: '[0].publicKey', found: 'nothing' }],
    ['a broken CIDR', entry('b', PEER_KEY, ', allowedIps: [10.0.0.300/8]'), { keyPath: '[0].allowedIps[0]' }],
    ['a broken endpoint', entry('b', PEER_KEY, ', endpoint: "x:0"'), { keyPath: '[0].endpoint' }],
    ['a missing secret', entry('b', PEER_KEY, ', presharedKeyFile: none.psk'), { keyPath: '[0].presharedKeyFile' }],
    [
      'a name twice',
      entry('b', PEER_KEY) + entry('b', OTHER_PEER_KEY),
      { keyPath: '[1].name', found: 'the same as [0]' },
    ],
    ['a peer that is text', '- b', { keyPath: '[0]', expected: 'an object' }],
    [
      'an object',
      `peers:\n${entry('b', PEER_KEY)}`,
      { keyPath: '', suggestion: 'write the list itself, without `peers:`' },
    ],
    ['nothing at all', '', { keyPath: '', expected: 'a list of peers', found: 'nothing' }],
    ['YAML that does not parse', '- { name: b\n- x', { keyPath: '', expected: 'YAML', line: 2 }],
  ])('%s', async (_, list, expected) => {
    expect(await problems(list)).toMatchObject([{ file: 'peers.yaml', ...expected }]);
  });

  it('a key and a network that `peers` has as well, with where', async () => {
    const network = ', allowedIps: [10.77.0.2/32]';
    const found = await problems(entry('c', PEER_KEY, network), `peers:\n  ${entry('b', PEER_KEY, network)}`);
    expect(found).toMatchObject([
      {
        file: 'peers.yaml',
        keyPath: '[0].publicKey',
        found: expect.stringMatching(/^the same as peers\[0\] of .*rc\.yaml$/),
      },
      {
        file: 'peers.yaml',
        keyPath: '[0].allowedIps[0]',
        found: expect.stringMatching(/also of peers\[0\] of .*rc\.yaml$/),
      },
    ]);
  });

  it('and are told together with those of the rc file', async () => {
    const found = await problems('- { name: b }', 'mtu: 1');
    expect(found.map(({ file, keyPath }) => `${file} ${keyPath}`)).toEqual(['rc.yaml mtu', 'peers.yaml [0].publicKey']);
  });
});

describe('a file of peers that cannot be taken', () => {
  it.each<[string, (folder: RcFolder) => void, string]>([
    ['is not there', () => undefined, 'there is no such file'],
    ['is a folder', (folder) => folder.write('peers.yaml/x', ''), 'it is a folder'],
    ['is a named pipe', (folder) => void execFileSync('mkfifo', [join(folder.path, 'peers.yaml')]), 'it is not a file'],
  ])('%s: the key that names it is told', async (_, prepare, why) => {
    const folder = new RcFolder({ 'rc.yaml': nodeYaml('peersFile: peers.yaml') });
    prepare(folder);
    expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([
      { file: join(folder.path, 'rc.yaml'), keyPath: 'peersFile', found: `${join(folder.path, 'peers.yaml')}: ${why}` },
    ]);
  });

  it('is code, which is not run', async () => {
    const folder = new RcFolder({ 'rc.yaml': nodeYaml('peersFile: peers.mjs'), 'peers.mjs': 'process.exit(9)' });
    expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([{ keyPath: 'peersFile' }]);
  });

  it.skipIf(process.platform === 'win32')('may be changed by others', async () => {
    const folder = new RcFolder({ 'rc.yaml': nodeYaml('peersFile: peers.yaml') });
    const file = folder.write('peers.yaml', entry('b', PEER_KEY), 0o666);
    expect(await problemsOf(folder.load('rc.yaml'))).toMatchObject([
      { file, expected: 'a file that nobody else may change', suggestion: `run: chmod go-w ${file}` },
    ]);
  });

  it.skipIf(process.platform === 'win32')('holds a secret that others may read: a warning', async () => {
    const secret = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
    const folder = new RcFolder({
      'rc.yaml': nodeYaml('peersFile: peers.yaml'),
      'peers.yaml': entry('b', PEER_KEY, `, presharedKey: "${secret}"`),
    });
    const { warnings } = await folder.load('rc.yaml');
    expect(warnings.filter(({ file }) => file === join(folder.path, 'peers.yaml'))).toMatchObject([
      { keyPath: '[0].presharedKey', message: expect.stringContaining('chmod go-r') },
      { keyPath: '[0].presharedKey' },
    ]);
    expect(JSON.stringify(warnings)).not.toContain(secret);
  });
});
