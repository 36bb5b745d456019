import { describe, expect, it } from 'vitest';
import { createContainer } from '../../src/assembly/container/create-container.js';
import { createNode } from '../../src/node/node.js';
import { memoryLogger } from '../../src/base/logging/memory-logger.js';
import { FakeClock } from '../../src/base/time/fake-clock.js';
import type { Contribution, PeerEvent, PluginDefinition, PluginNeeds } from '../../src/plugin.js';
import { loadYaml, nodeYaml, PEER_KEY, problemsOf } from '../rc-file/rc-folder.js';
import { idleTransport, sampleProduct } from '../assembly/product/sample-product.js';

const NEEDS = ['status', 'peers', 'events'] as const;
const PEER = `peers: [{ name: b, publicKey: "${PEER_KEY}", allowedIps: [10.0.0.2/32] }]`;

/** A node of one plugin, which is transport, candidate source and service. */
async function nodeWith(create: (needs: PluginNeeds) => Contribution, peers = '') {
  const contribution = { transport: idleTransport(), candidateSource: { async *gather() {} } };
  const custom: PluginDefinition = {
    name: 'custom',
    apiVersion: 2,
    needs: NEEDS,
    provides: ['transport', 'candidateSource', 'service'],
    create: (needs) => ({ ...contribution, service: idleService(), ...create(needs) }),
  };
  const product = sampleProduct({ custom });
  const config = await loadYaml(nodeYaml(`plugins: [custom]\n${peers}`), { product });
  const [clock, logger] = [new FakeClock(), memoryLogger()];
  return { node: await createNode(product, config, { clock, logger }), config, clock, logger };
}

const idleService = () => ({ start: async () => undefined, stop: async () => undefined });
const start = { signal: new AbortController().signal };

describe('a service', () => {
  it('is started last and stopped first; sources stop while the sockets are open', async () => {
    const order: string[] = [];
    const step = (what: string) => async () => void order.push(what);
    const { node } = await nodeWith(() => ({
      transport: {
        ...idleTransport(),
        listen: step('listen'),
        start: step('device'),
        stop: step('sockets closed'),
      },
      candidateSource: { async *gather() {}, stop: step('source stopped') },
      service: { start: step('service'), stop: step('service stopped') },
    }));
    await node.start(start);
    expect(order).toEqual(['listen', 'device', 'service']);
    await node.stop();
    expect(order.slice(3)).toEqual(['service stopped', 'source stopped', 'sockets closed']);
  });

  it('that does not start ends the node, by its name', async () => {
    const start = () => Promise.reject(new Error('port taken'));
    const { node } = await nodeWith(() => ({ service: { ...idleService(), start } }));
    await expect(node.start({ signal: new AbortController().signal })).rejects.toMatchObject({
      code: 'PLUGIN_FAILED',
      message: expect.stringContaining('custom'),
    });
  });

  it('tells problems in status, one line each', async () => {
    const problems = () => ['nobody reads\nthis', 7 as unknown as string];
    const { node } = await nodeWith(() => ({ service: { ...idleService(), problems } }));
    expect(node.status().node.problems).toContainEqual(expect.stringMatching(/^nobody reads.*this$/));
    expect(node.status().node.problems).not.toContain(7);
  });

  it('sees the status, the peers without secrets, and each change of a connection', async () => {
    let needs: PluginNeeds | undefined;
    const { node, config } = await nodeWith((given) => ((needs = given), {}), PEER);
    expect(Object.keys(needs ?? {}).sort()).toEqual(['events', 'peers', 'status']);
    await node.start(start);
    const events: PeerEvent[] = [];
    let changes = 0;
    needs?.events.on((event) => events.push(event));
    needs?.status.onChange(() => (changes += 1));
    await expect.poll(() => needs?.peers.list().map(({ name }) => name)).toEqual(['b']);
    expect(needs?.peers.list()[0]).not.toHaveProperty('presharedKey');
    expect(needs?.status.document()).toEqual(node.status());
    expect(needs?.peers.status(PEER_KEY)).toEqual(node.peerStatus(PEER_KEY));
    const empty = { ...config.node!, peers: [] };
    await node.reload({ ...config, node: empty });
    await expect.poll(() => events.at(-1)).toMatchObject({ name: 'b', publicKey: PEER_KEY, connection: undefined });
    expect(events.every(({ before, connection }) => before !== connection)).toBe(true);
    expect(changes).toBeGreaterThan(0);
    await node.stop();
  });

  it('whose listener throws is counted under its name, and hurts nobody', async () => {
    const { node, config } = await nodeWith(({ status }) => ({
      service: {
        start: async () =>
          void status.onChange(() => {
            throw new Error('no');
          }),
        stop: async () => undefined,
      },
    }));
    await node.start(start);
    await node.reload(config);
    expect(JSON.stringify(node.status().node)).toMatch(/custom/);
    await node.stop();
  });
});

describe('a source that hangs in `stop`', () => {
  it('is named, and holds up the end by seconds only', async () => {
    const stop = () => new Promise<never>(() => undefined);
    const { node, clock, logger } = await nodeWith(() => ({ candidateSource: { async *gather() {}, stop } }));
    await node.start(start);
    let stopped = false;
    void node.stop().then(() => (stopped = true));
    for (let waits = 0; waits < 20 && !stopped; waits += 1) await clock.advance(500);
    expect(stopped).toBe(true);
    expect(logger.lines.map(({ message }) => message)).toContainEqual(expect.stringMatching(/^custom did not stop/));
  });
});

describe('`requires` as a function', () => {
  const plugin = (requires: PluginDefinition['requires']) =>
    sampleProduct({
      custom: {
        name: 'custom',
        apiVersion: 2,
        options: (z) => z.strictObject({ shared: z.boolean() }),
        needs: [],
        provides: [],
        requires,
        create: () => ({}),
      } as PluginDefinition,
    });
  const load = (requires: PluginDefinition['requires'], shared: boolean) =>
    loadYaml(nodeYaml(`plugins: ["@sample/transport", [custom, { shared: ${shared} }]]`), {
      product: plugin(requires),
    });

  it('decides from the options', async () => {
    const requires = ({ shared }: { shared: boolean }) => (shared ? (['relay'] as const) : []);
    const { plugins } = await load(requires, false);
    expect(plugins.map(({ requires: all }) => all)).toEqual([[], []]);
    expect(await problemsOf(load(requires as PluginDefinition['requires'], true))).toMatchObject([
      { plugin: 'custom', expected: 'a plugin that provides the relay' },
    ]);
  });

  it('asks for sockets that a transport may lack only with options that use them', async () => {
    const product = plugin(({ shared }) => (shared ? ['datagrams'] : []));
    const wire = async (shared: boolean) => {
      const yaml = nodeYaml(`plugins: [["@sample/transport", { mode: uapi }], [custom, { shared: ${shared} }]]`);
      return createContainer(product, await loadYaml(yaml, { product }), { logger: memoryLogger() });
    };
    expect(await problemsOf(wire(true))).toMatchObject([
      { plugin: 'custom', expected: 'a transport that owns its socket, to share it' },
    ]);
    await expect(wire(false)).resolves.toBeDefined();
  });

  it("that throws, or returns something else, is the plugin's fault", async () => {
    const throws = () => {
      throw new Error('boom');
    };
    expect(await problemsOf(load(throws, true))).toMatchObject([{ plugin: 'custom', found: 'an error: boom' }]);
    const strange = (() => ['sockets']) as unknown as PluginDefinition['requires'];
    expect(await problemsOf(load(strange, true))).toMatchObject([{ plugin: 'custom', found: 'sockets' }]);
  });
});
