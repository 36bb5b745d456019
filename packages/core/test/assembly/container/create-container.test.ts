import 'reflect-metadata';
import { container as globalContainer } from 'tsyringe';
import { describe, expect, it } from 'vitest';
import { createContainer } from '../../../src/assembly/container/create-container.js';
import { TOKENS } from '../../../src/assembly/container/tokens.js';
import { memoryLogger } from '../../../src/base/logging/memory-logger.js';
import { definePlugin, type Contribution, type PluginDefinition, type PluginNeeds } from '../../../src/plugin.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { loadYaml, nodeYaml, PEER_KEY, problemsOf, PUBLIC_KEY, RcFolder } from '../../rc-file/rc-folder.js';
import { idleTransport, sampleProduct } from '../product/sample-product.js';

type Create = (needs: PluginNeeds, options: unknown) => Contribution | Promise<Contribution>;

/** A transport plugin that does as it is told. */
const custom = (create: Create, more: Partial<PluginDefinition> = {}): PluginDefinition => ({
  name: 'custom',
  apiVersion: 1,
  needs: [],
  provides: ['transport'],
  create,
  ...more,
});

async function wire(plugin: PluginDefinition, others = '', more = '') {
  const product = sampleProduct({ custom: plugin });
  const config = await loadYaml(nodeYaml(`plugins: [custom${others}]\n${more}`), { product });
  const clock = new FakeClock();
  const logger = memoryLogger();
  return { clock, logger, wiring: createContainer(product, config, { clock, logger }) };
}

describe('createContainer', () => {
  it('gives typed access to all that the plugins contribute', async () => {
    const product = sampleProduct();
    const config = await loadYaml(
      nodeYaml(`
addresses: [10.0.0.1/24]
plugins:
  - "@sample/transport"
  - ["@sample/stun", { servers: ["203.0.113.10:3478"] }]
  - ["@sample/relay", { servers: [{ url: "turn:x", username: u, credential: hunter2 }] }]
  - "@sample/host"
peers: [{ name: b, publicKey: "${PEER_KEY}" }]`),
      { product },
    );
    const node = await createContainer(product, config, { logger: memoryLogger() });
    expect(node.get(TOKENS.Identity).publicKey).toBe(PUBLIC_KEY);
    expect(node.get(TOKENS.NodeSettings)).toEqual({ interfaceName: 'sample0', addresses: ['10.0.0.1/24'], mtu: 1420 });
    expect(node.get(TOKENS.TraversalSettings).maxCandidatePairs).toBe(10);
    expect(node.get(TOKENS.ProductNames)).toMatchObject({ name: 'sample' });
    expect(node.get(TOKENS.Transport).plugin).toBe('@sample/transport');
    expect(node.get(TOKENS.Egress).plugin).toBe('@sample/host');
    expect(
      node
        .get(TOKENS.CandidateSources)
        .map(({ plugin }) => plugin)
        .sort(),
    ).toEqual(['@sample/host', '@sample/stun']);
    expect(node.get(TOKENS.Relays).map(({ instance }) => instance.servers.length)).toEqual([1]);
    expect(node.get(TOKENS.Signalings)).toEqual([]);
    expect(node.get(TOKENS.PeerDiscoveries)).toEqual([{ plugin: 'rc file', instance: node.rcFilePeers }]);
    expect(node.get(TOKENS.Relays)).toBe(node.get(TOKENS.Relays));
    expect(JSON.stringify(node.contributions.map(({ options }) => options))).not.toContain('hunter2');
  });

  it('shares nothing between two nodes, nor with the global container', async () => {
    const product = sampleProduct();
    const config = await loadYaml(nodeYaml(), { product });
    const [first, second] = await Promise.all(
      [1, 2].map(() => createContainer(product, config, { logger: memoryLogger() })),
    );
    expect(first!.get(TOKENS.Transport).instance).not.toBe(second!.get(TOKENS.Transport).instance);
    expect(Object.values(TOKENS).filter((token) => globalContainer.isRegistered(token))).toEqual([]);
  });

  it('hands a plugin exactly what it names, frozen', async () => {
    let given: Partial<PluginNeeds> = {};
    const { clock, logger, wiring } = await wire(
      custom((needs) => ((given = needs), needs.logger.warn('hello'), { transport: idleTransport() }), {
        needs: ['logger', 'clock', 'files'],
      }),
    );
    await wiring;
    expect(Object.keys(given)).toEqual(['logger', 'clock', 'files']);
    expect(given.clock?.now()).toBe(clock.now());
    expect(Object.isFrozen(given)).toBe(true);
    expect(logger.lines).toMatchObject([{ fields: { component: 'custom' } }]);
  });

  it('creates who provides the egress first, wherever it stands', async () => {
    let egress: unknown;
    const { wiring } = await wire(
      custom((needs) => ((egress = needs.egress), { transport: idleTransport() }), { needs: ['egress'] }),
      ', "@sample/host"',
    );
    const node = await wiring;
    expect(egress).toBe(node.get(TOKENS.Egress).instance);
  });

  it.each<[string, Create]>([
    [
      'throws',
      () => {
        throw new Error('boom');
      },
    ],
    ['rejects', () => Promise.reject(new Error('boom'))],
  ])('names a plugin whose create %s', async (_, create) => {
    const { wiring } = await wire(custom(create));
    await expect(wiring).rejects.toMatchObject({
      code: 'PLUGIN_FAILED',
      plugin: 'custom',
      message: 'custom: create: boom',
      cause: { message: 'boom' },
    });
  });

  it('names a plugin whose create hangs after 10 s, and gives up after 30', async () => {
    const { clock, logger, wiring } = await wire(custom(() => new Promise(() => undefined)));
    const outcome = wiring.catch((error: unknown) => error);
    await expect.poll(() => clock.pendingTimers).toBe(2);
    await clock.advance(10_000);
    expect(logger.lines).toMatchObject([{ level: 'warn', message: 'custom: create has not returned after 10 s' }]);
    await clock.advance(20_000);
    expect(await outcome).toMatchObject({ code: 'TIMEOUT', plugin: 'custom' });
  });

  it.each<[string, Contribution, string]>([
    ['less', {}, 'no transport'],
    ['more', { transport: idleTransport(), peerDiscovery: { async *peers() {} } }, 'peer discovery besides'],
    ['nothing', undefined as unknown as Contribution, 'no transport'],
  ])('refuses a plugin that gives %s than it promises', async (_, contribution, found) => {
    const { wiring } = await wire(custom(() => contribution));
    expect(await problemsOf(wiring)).toMatchObject([{ plugin: 'custom', keyPath: 'plugins[0]', found }]);
  });

  it('refuses a plugin that needs the transport’s sockets where it has none', async () => {
    const product = sampleProduct();
    const config = await loadYaml(
      nodeYaml(`plugins: [["@sample/transport", { mode: uapi }], "@sample/host", ["@sample/stun", { servers: [x] }]]`),
      { product },
    );
    const problems = await problemsOf(createContainer(product, config, { logger: memoryLogger() }));
    expect(problems).toMatchObject([
      { plugin: '@sample/stun', expected: 'a transport that owns its socket, to share it' },
    ]);
  });

  it('says so where nothing fills a role, and where the file is a server’s', async () => {
    const { wiring } = await wire(custom(() => ({ transport: idleTransport() })));
    const node = await wiring;
    expect(node.find(TOKENS.Egress)).toBeUndefined();
    expect(() => node.get(TOKENS.Egress)).toThrow(
      expect.objectContaining({ code: 'CONFIG', message: 'nothing provides Egress' }),
    );
    const product = sampleProduct();
    const server = await loadYaml('server: {}', { product });
    await expect(createContainer(product, server, { logger: memoryLogger() })).rejects.toMatchObject({
      code: 'CONFIG',
    });
  });

  it('reads a plugin’s secrets, and warns where others may too', async () => {
    const folder = new RcFolder({
      'rc.yaml': nodeYaml(
        'plugins: ["@sample/transport", ["@sample/relay", { servers: [{ url: u, username: u, credentialFile: c }] }]]',
      ),
      c: 'hunter2\n',
    });
    const product = sampleProduct();
    const logger = memoryLogger();
    const config = await folder.load('rc.yaml', { product });
    expect(config.warnings).toMatchObject([
      { message: expect.stringContaining(`${folder.path}/c is readable by others`) as string },
    ]);
    // Once: not again when the plugin reads it.
    const node = await createContainer(product, config, { logger });
    expect([node.warnings, logger.lines]).toEqual([[], []]);
    const unwarned = await createContainer(product, { ...config, warnings: [] }, { logger });
    expect(unwarned.warnings).toEqual([expect.stringContaining('readable by others')]);
    expect(logger.lines).toHaveLength(1);
  });

  it('passes the types of options and needs on to create', () => {
    definePlugin({
      name: 'typed',
      apiVersion: 1,
      options: (z) => z.strictObject({ port: z.number() }),
      needs: ['clock'],
      provides: [],
      create: (needs, options) => {
        const port: number = options.port;
        const now: number = needs.clock.now();
        // @ts-expect-error it did not ask for the egress
        void needs.egress;
        void [port, now];
        return {};
      },
    });
  });
});
