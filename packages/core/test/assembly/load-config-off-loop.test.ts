import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig, loadConfigOffLoop } from '../../src/assembly/load-config.js';
import { sampleProduct } from './product/sample-product.js';
import { OTHER_PEER_KEY, PEER_KEY, problemsOf, RcFolder } from '../rc-file/rc-folder.js';

const peers = `
peers:
  - { name: b, publicKey: ${PEER_KEY}, allowedIps: [10.77.0.2/32], presharedKeyFile: ./psk }
peersFile: ./peers.json
`;
const files = {
  'rc.yaml': `privateKeyFile: ./private.key\naddresses: [10.77.0.1/24]\n${peers}`,
  'peers.json': JSON.stringify([{ name: 'c', publicKey: OTHER_PEER_KEY, endpoint: 'c.example:7' }]),
};

function folder(more: Readonly<Record<string, string>> = {}): RcFolder {
  const made = new RcFolder({ ...files, ...more });
  made.write('psk', `${PEER_KEY}\n`, 0o600);
  return made;
}

const off = (at: RcFolder, name: string, env = {}) =>
  loadConfigOffLoop(sampleProduct(), { env, configPath: join(at.path, name) });

describe('a configuration that is read off the loop', () => {
  it('is the same as one that is read on it, frozen too', async () => {
    const at = folder();
    const { node, ...rest } = await off(at, 'rc.yaml', { SAMPLE_MTU: '1300' });
    const options = { env: { SAMPLE_MTU: '1300' }, configPath: join(at.path, 'rc.yaml') };
    const { node: here, ...restHere } = await loadConfig(sampleProduct(), options);
    expect(rest).toEqual(restHere);
    expect({ ...node, identity: node?.identity.publicKey }).toEqual({ ...here, identity: here?.identity.publicKey });
    expect(node?.peers.map(({ name }) => name)).toEqual(['b', 'c']);
    expect([node?.peers, node?.peers[0], node?.peers[0]?.allowedIps].every(Object.isFrozen)).toBe(true);
  });

  it('has the same problems, all at once', async () => {
    const at = folder({
      'bad.yaml': `privateKeyFile: ./nothing\nmtu: 1\nplugins: [absent]\n${peers}`,
      'broken.yaml': 'a: [',
      'list.yaml': '[]',
    });
    for (const name of ['bad.yaml', 'broken.yaml', 'list.yaml', 'none.yaml']) {
      const problems = await problemsOf(off(at, name));
      // The log of a node that runs has no use for lines, and its packets do not wait for them.
      const told = (await problemsOf(at.load(name))).map(({ keyPath, expected, found }) => [keyPath, expected, found]);
      expect(problems.map(({ keyPath, expected, found }) => [keyPath, expected, found]).sort()).toEqual(told.sort());
      expect(problems.length).toBeGreaterThan(0);
    }
  });

  it('may hold what no other thread can be told, which is then read here', async () => {
    const at = folder({
      'rc.mjs': "export default { privateKeyFile: './private.key', plugins: [['absent', { call: () => 1 }]] };",
    });
    const [problem] = await problemsOf(off(at, 'rc.mjs'));
    expect(problem).toMatchObject({ keyPath: 'plugins[0]' });
  });

  it('leaves the loop to others, with ten thousand peers', async () => {
    const list = Array.from({ length: 10_000 }, (_, i) => ({
      name: `p${i}`,
      publicKey: Buffer.concat([Buffer.alloc(28, 9), Buffer.of(i >> 8, i & 255, 7, 9)]).toString('base64'),
      allowedIps: [`10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`],
    }));
    const at = folder({ 'peers.json': JSON.stringify(list) });
    let turns = 0;
    const counting = setInterval(() => (turns += 1));
    const { node } = await off(at, 'rc.yaml');
    clearInterval(counting);
    expect(node?.peers).toHaveLength(10_001);
    expect(turns).toBeGreaterThan(10_001 / 250);
  });
});
