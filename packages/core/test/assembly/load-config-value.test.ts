import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadConfig, loadConfigOffLoop, type LoadValueOptions } from '../../src/assembly/load-config.js';
import { createServer } from '../../src/assembly/container/create-server.js';
import { silentLogger } from '../../src/base/logging/memory-logger.js';
import type { ConfigProblem } from '../../src/base/errors/config-problems.js';
import type { RcFileContent } from '../../src/rc-file/checking/rc-schema.js';
import { OTHER_PEER_KEY, PEER_KEY, PRIVATE_KEY, problemsOf, PUBLIC_KEY, RcFolder } from '../rc-file/rc-folder.js';
import { sampleProduct } from './product/sample-product.js';

const NAME = 'the configuration';
const peer = { name: 'b', publicKey: PEER_KEY, allowedIps: ['10.77.0.2/32'] };
const load = (value: unknown, more: Omit<LoadValueOptions, 'value'> = {}) =>
  loadConfig(sampleProduct(), { value: value as RcFileContent, ...more });

/** What the same content, written to a file of the folder, is told. */
async function problemsOfFile(folder: RcFolder, content: unknown) {
  folder.write('rc.json', JSON.stringify(content), 0o600);
  const problems = await problemsOf(folder.load('rc.json'));
  const seenFromValue = (text: string) =>
    text.replace(`${folder.path}/rc.json`, NAME).replace('the folder of this file', folder.path);
  return problems.map((problem) => ({
    ...problem,
    file: problem.file.replace(`${folder.path}/rc.json`, NAME),
    ...(problem.found === undefined ? {} : { found: seenFromValue(problem.found) }),
  }));
}

afterEach(() => vi.unstubAllEnvs());

describe('a configuration that is handed in', () => {
  it('is the same as that of the file which says the same', async () => {
    const folder = new RcFolder({ 'peers.yaml': `- { name: c, publicKey: ${OTHER_PEER_KEY} }` });
    const content = {
      privateKeyFile: './private.key',
      addresses: ['10.77.0.1/24'],
      plugins: ['@sample/host', '@sample/signal', ['@sample/transport', { mode: 'embedded' }]],
      peers: [peer],
      peersFile: './peers.yaml',
      traversal: { holePunchTimeout: '3s' },
    };
    folder.write('rc.json', JSON.stringify(content), 0o600);
    const { node, ...rest } = await load(content, { folder: folder.path });
    const { node: ofFile, ...restOfFile } = await folder.load('rc.json');
    expect(rest).toEqual({ ...restOfFile, source: NAME, file: undefined });
    expect({ ...node, identity: node?.identity.publicKey }).toEqual({ ...ofFile, identity: PUBLIC_KEY });
    expect(restOfFile).toMatchObject({ source: `${folder.path}/rc.json`, file: `${folder.path}/rc.json` });
  });

  it.each([
    ['nothing in it', {}],
    ['unknown keys', { privateKeyFile: './private.key', adresses: [], traversal: { hardNut: true } }],
    ['wrong types', { privateKeyFile: 7, mtu: '1420', peers: {}, plugins: 'x', log: { level: 'loud' } }],
    ['files that are missing', { privateKeyFile: './no.key', peersFile: './no.yaml', plugins: ['./no.js'] }],
    ['peers that collide', { privateKeyFile: './private.key', peers: [peer, peer, { ...peer, allowedIps: ['1/8'] }] }],
    ['peers that collide with the file of peers', { peersFile: './peers.yaml', peers: [peer] }],
    ["plugins' options", { privateKeyFile: './private.key', plugins: [['@sample/transport', { mode: 'x', y: 1 }]] }],
    ['unknown sections of the server', { server: { teapot: {} } }],
  ])('has the same problems as that file: %s', async (_, content) => {
    const folder = new RcFolder({ 'peers.yaml': `- { name: b, publicKey: ${PEER_KEY} }` });
    const problems = await problemsOf(load(content, { folder: folder.path }));
    // Of a value there are no lines, and no order of these; of the file of peers there are.
    const sorted = (list: readonly ConfigProblem[]) =>
      list
        .map(({ line: _line, column: _column, ...problem }) => problem)
        .sort((a, b) => a.keyPath.localeCompare(b.keyPath));
    expect(sorted(problems)).toEqual(sorted(await problemsOfFile(folder, content)));
    expect(problems.length).toBeGreaterThan(0);
    expect(
      await problemsOf(loadConfigOffLoop(sampleProduct(), { value: content, folder: folder.path } as never)),
    ).toHaveLength(problems.length);
  });

  it('is named as the caller calls it', async () => {
    const [problem] = await problemsOf(load({ privateKey: PRIVATE_KEY, mtu: 1 }, { name: 'settings of site 7' }));
    expect(problem).toMatchObject({ file: 'settings of site 7', keyPath: 'mtu' });
    const config = await load({ privateKey: PRIVATE_KEY }, { name: 'settings of site 7' });
    await expect(createServer(sampleProduct(), config, { logger: silentLogger() })).rejects.toThrow(
      'settings of site 7 has nothing under `server`',
    );
  });

  it.each([
    [null, 'null'],
    [undefined, 'undefined'],
    [[], 'a list'],
    ['privateKey: x', 'string'],
  ])('has to be an object: %o', async (value, found) => {
    // A missing value is no search for a file.
    expect(await problemsOf(load(value))).toEqual([
      { file: NAME, keyPath: '', expected: 'an object with the keys of the configuration', found },
    ]);
  });

  it('never has its secrets told', async () => {
    const secret = 'hunter2hunter2hunter2hunter2hunter2hunter2h=';
    const wrong = [
      { privateKey: secret.slice(1), peers: [{ ...peer, publicKey: `x${secret}`, presharedKey: `${secret}x` }] },
      { privateKey: [secret], peers: [{ ...peer, presharedKey: { secret } }] },
      {
        privateKey: PRIVATE_KEY,
        plugins: [['@sample/stun', { servers: 7, credential: secret, users: { a: secret } }]],
      },
    ];
    for (const value of wrong) {
      const error: unknown = await load(value).catch((thrown: unknown) => thrown);
      expect(String(error)).toContain(NAME);
      expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('hunter2');
    }
  });

  it('has plugins and files looked for in its folder, and trusted as those of an rc file are', async () => {
    const plugin = "export default { name: 'mine', apiVersion: 1, needs: [], provides: [], create: () => ({}) };";
    const folder = new RcFolder({ 'mine.mjs': plugin });
    const content = { privateKeyFile: './private.key', plugins: ['@sample/transport', './mine.mjs'] };
    const { plugins } = await load(content, { folder: folder.path });
    expect(plugins[1]).toMatchObject({ name: './mine.mjs', resolvedFrom: `${folder.path}/mine.mjs` });
    const [absent] = await problemsOf(load({ ...content, plugins: ['absent'] }, { folder: folder.path }));
    expect(absent?.suggestion).toBe(`install it in ${folder.path}: npm install absent`);

    folder.write('mine.mjs', plugin, 0o666);
    folder.write('private.key', PRIVATE_KEY, 0o666);
    const problems = await problemsOf(load(content, { folder: folder.path }));
    expect(problems.map(({ keyPath, expected }) => [keyPath, expected])).toEqual([
      ['privateKeyFile', 'a file that we can read and nobody else can change'],
      ['plugins[1]', 'a plugin that nobody else may change'],
    ]);
  });

  it.each([
    ['the product’s own plugin where no folder is given, whatever lies in the working directory', false],
    ['the one in the folder that is given', true],
  ])('has %s', async (_, isGiven) => {
    const folder = new RcFolder({
      'node_modules/@sample/host/package.json': '{ "version": "6.6.6", "exports": { "default": "./index.mjs" } }',
      'node_modules/@sample/host/index.mjs':
        "export default { name: '@sample/host', apiVersion: 1, needs: [], provides: ['candidateSource'], create: () => ({}) };",
    });
    const cwd = vi.spyOn(process, 'cwd').mockReturnValue(folder.path);
    onTestFinished(() => cwd.mockRestore());
    const content = { privateKeyFile: './private.key', plugins: ['@sample/transport', '@sample/host'] };
    const { plugins } = await load(content, isGiven ? { folder: folder.path } : {});
    expect(plugins[1]?.version === '6.6.6').toBe(isGiven);
  });

  it('is overridden by the environment that is given, and by no other', async () => {
    vi.stubEnv('SAMPLE_MTU', '1300');
    const content = { privateKey: PRIVATE_KEY, mtu: 1400 };
    expect((await load(content)).node?.settings.mtu).toBe(1400);
    expect((await load(content, { env: { SAMPLE_MTU: '1310' } })).node?.settings.mtu).toBe(1310);
    const [problem] = await problemsOf(load(content, { env: { SAMPLE_MTU: '1' } }));
    expect(problem).toMatchObject({ file: 'environment variable SAMPLE_MTU', keyPath: 'mtu' });
  });

  it('is a copy: nothing of the caller is frozen, and nothing changes with it', async () => {
    const options = { mode: 'embedded', list: [1] };
    const content = { privateKey: PRIVATE_KEY, peers: [{ ...peer }], plugins: [['@sample/transport', options]] };
    const loading = load({ ...content, plugins: [['@sample/transport', { mode: 'embedded' }]] });
    content.peers[0] = { ...peer, name: 'changed' };
    content.peers.push(peer);
    expect((await loading).node?.peers.map(({ name }) => name)).toEqual(['b']);
    await problemsOf(load(content));
    expect([content, content.peers, options, options.list].some(Object.isFrozen)).toBe(false);
  });

  it.each([
    ['on the loop', loadConfig],
    ['off the loop', loadConfigOffLoop],
  ])("keeps what only this thread can hold of a plugin's options, %s", async (_, loadIt) => {
    class Custom {}
    const options = { call: () => 1, made: new Custom() };
    const takesAny = {
      name: 'any',
      apiVersion: 1,
      options: (z: { custom(): unknown }) => z.custom(),
      needs: [],
      provides: [],
      create: () => ({}),
    };
    const product = sampleProduct({ any: takesAny as never });
    const value = { privateKey: PRIVATE_KEY, plugins: ['@sample/transport', ['any', options]] } satisfies RcFileContent;
    const { plugins } = await loadIt(product, { value });
    expect(plugins[1]?.options).toEqual(options);
    expect((plugins[1]?.options as typeof options).made).toBe(options.made);
  });

  it('may contain itself, and keys that objects have by nature', async () => {
    const loop: Record<string, unknown> = JSON.parse('{ "__proto__": { "polluted": true } }');
    loop['loop'] = loop;
    const problems = await problemsOf(load({ privateKey: PRIVATE_KEY, plugins: [['@sample/stun', loop]] }));
    expect(problems.map(({ keyPath }) => keyPath)).toContain('plugins[0][1].loop');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
