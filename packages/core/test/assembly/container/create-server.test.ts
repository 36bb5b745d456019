import { describe, expect, it } from 'vitest';
import { createServer } from '../../../src/assembly/container/create-server.js';
import { reloadServers, type NamedServer } from '../../../src/assembly/container/reload-servers.js';
import { memoryLogger } from '../../../src/base/logging/memory-logger.js';
import { definePlugin, defineServerPart, type ServerPart } from '../../../src/plugin.js';
import type { LoadedConfig } from '../../../src/assembly/loaded-config.js';
import { describePlugins } from '../../../src/assembly/plugins/describe-plugins.js';
import { loadYaml, nodeYaml, problemsOf, RcFolder } from '../../rc-file/rc-folder.js';
import { sampleProduct } from '../product/sample-product.js';

const turn = (users: string) => `server: { turn: { listen: "127.0.0.1:3478", users: { ${users} } } }`;
const environment = { logger: memoryLogger() };

const ownTurn = (part: Partial<ServerPart> = {}) =>
  definePlugin({
    name: 'own-turn',
    apiVersion: 1,
    needs: [],
    provides: [],
    create: () => ({}),
    serverParts: [
      {
        ...defineServerPart({
          sections: ['turn'],
          options: (z) => z.strictObject({ turn: z.unknown() }),
          create: () => ({ start: async () => undefined, stop: async () => undefined, describe: () => ['own'] }),
        }),
        ...part,
      },
    ],
  });

describe('createServer', () => {
  it('creates the parts whose sections the file has', async () => {
    const product = sampleProduct();
    const servers = await createServer(product, await loadYaml(turn('lab: secret'), { product }), environment);
    expect(servers.map(({ plugin, sections }) => [plugin, sections])).toEqual([['@sample/relay', ['turn']]]);
    expect(servers[0]!.describe()).toEqual(['turn']);
    // A part need not tell any.
    expect(servers[0]!.addresses()).toEqual([]);
  });

  it('lets a plugin of the rc file take a section from the product’s', async () => {
    const product = sampleProduct({ 'own-turn': ownTurn() });
    const config = await loadYaml(
      'plugins: [own-turn]\nserver: { stun: { listen: "127.0.0.1:1" }, turn: { listen: x, users: {} } }',
      { product },
    );
    const servers = await createServer(product, config, environment);
    expect(servers.map(({ plugin, sections }) => [plugin, sections])).toEqual([
      ['@sample/relay', ['stun']],
      ['own-turn', ['turn']],
    ]);
  });

  it('does not let two plugins of the rc file take one section', async () => {
    const product = sampleProduct({ 'own-turn': ownTurn(), second: { ...ownTurn(), name: 'second' } });
    expect(await problemsOf(loadYaml(`plugins: [own-turn, second]\n${turn('')}`, { product }))).toMatchObject([
      { keyPath: 'server.turn', plugin: 'second', found: 'own-turn takes it too' },
    ]);
  });

  it('names a part whose create throws, and a file without a server', async () => {
    const create = () => {
      throw new Error('boom');
    };
    const product = sampleProduct({ 'own-turn': ownTurn({ create }) });
    const config = await loadYaml(`plugins: [own-turn]\n${turn('')}`, { product });
    await expect(createServer(product, config, environment)).rejects.toMatchObject({
      code: 'PLUGIN_FAILED',
      message: 'own-turn: create: boom',
    });
    await expect(createServer(product, await loadYaml(nodeYaml(), { product }), environment)).rejects.toMatchObject({
      code: 'CONFIG',
    });
  });
});

describe('reloadServers', () => {
  it('hands over what changed, and says what only a restart can', async () => {
    const product = sampleProduct();
    const servers = await createServer(product, await loadYaml(turn('lab: secret'), { product }), environment);
    expect(reloadServers(servers, await loadYaml(turn('lab: secret, b: c'), { product }))).toEqual([]);
    expect(servers[0]!.status!()).toEqual({ users: ['lab', 'b'] });
    expect(reloadServers(servers, await loadYaml('server: { stun: { listen: x } }', { product }))).toEqual([
      'server sections turn have changed or gone',
      'server sections stun are new',
    ]);
  });
});

describe('reloadServers, where a part cannot take its options over', () => {
  const part = (name: string, refuses: (options: unknown) => boolean) => {
    const taken: unknown[] = [];
    const server: NamedServer = {
      plugin: name,
      sections: [name],
      options: 'before',
      start: async () => undefined,
      stop: async () => undefined,
      drain: async () => undefined,
      describe: () => [],
      addresses: () => [],
      problems: () => [],
      reload: (options) => {
        taken.push(options);
        if (refuses(options)) throw new Error('no such file');
        return [];
      },
    };
    return { server, taken };
  };
  const changed = (...names: string[]) =>
    ({
      serverParts: names.map((name) => ({ plugin: name, sections: [name], options: 'after' })),
    }) as unknown as LoadedConfig;

  it('puts those before it back, leaves those after it alone, and names it', () => {
    const [first, second, third] = [
      part('stun', () => false),
      part('turn', (o) => o === 'after'),
      part('web', () => false),
    ];
    const servers = [first.server, second.server, third.server];
    expect(() => reloadServers(servers, changed('stun', 'turn', 'web'))).toThrow(
      expect.objectContaining({ code: 'PLUGIN_FAILED', message: 'turn: reload: no such file' }),
    );
    expect([first.taken, second.taken, third.taken]).toEqual([['after', 'before'], ['after', 'before'], []]);
  });

  it('tells the first failure where putting back fails too', () => {
    const { server } = part('turn', () => true);
    expect(() => reloadServers([server], changed('turn'))).toThrow('no such file');
  });
});

describe('describePlugins', () => {
  it('says what is loaded, from where, with which options, and no secret', async () => {
    const folder = new RcFolder({
      'rc.yaml': nodeYaml(
        `plugins: ["@sample/transport", ./mine.mjs, ["@sample/relay", { servers: [{ url: "turn:x", username: u, credential: hunter2 }] }]]\n${turn('lab: hunter2')}`,
      ),
      'mine.mjs': `export default { name: 'mine', apiVersion: 1, needs: [], provides: ['signaling'], create: () => ({}) };`,
    });
    const described = describePlugins(await folder.load('rc.yaml'));
    expect(described).toMatchObject([
      { name: '@sample/transport', version: '1.2.3', resolvedFrom: 'bundled', roles: ['transport'], options: {} },
      { name: './mine.mjs', version: null, resolvedFrom: `${folder.path}/mine.mjs`, roles: ['signaling'] },
      {
        name: '@sample/relay',
        serverSections: ['stun', 'turn'],
        options: { servers: [{ username: 'u', credential: '***' }] },
      },
    ]);
    expect(JSON.stringify(described)).not.toContain('hunter2');
  });

  it('names the product’s server plugins of a server’s file', async () => {
    const described = describePlugins(await loadYaml(turn('lab: hunter2')));
    expect(described).toMatchObject([
      { name: '@sample/relay', serverSections: ['turn'], options: { turn: { users: { lab: '***' } } } },
    ]);
  });
});
