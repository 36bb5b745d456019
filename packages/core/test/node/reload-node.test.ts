import { describe, expect, it } from 'vitest';
import { NodeReload, type ReloadTarget } from '../../src/node/reload-node.js';
import { silentLogger } from '../../src/base/logging/memory-logger.js';
import { loadYaml, nodeYaml } from '../rc-file/rc-folder.js';

const PLUGINS = 'plugins: ["@sample/host", ["@sample/transport", { listenPort: 7 }]]';

function target(reload?: (options: unknown) => string[] | undefined) {
  const configured: unknown[] = [];
  const candidateSource = { async *gather() {}, ...(reload && { reload }) };
  const made: ReloadTarget = {
    traversal: { configure: (settings) => void configured.push(settings), renewRelays: () => undefined },
    contributions: [{ plugin: '@sample/stun', contribution: { candidateSource } }],
    logger: silentLogger(),
  };
  return { target: made, configured };
}

describe('an rc file that is read again says which of its changes take a restart', () => {
  it.each([
    ['nothing has changed', '', '', []],
    ['the peers alone', '', 'peers: [{ name: b, publicKey: xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= }]', []],
    ['the interface', 'interface: wg1', 'interface: wg2', ['interface has changed']],
    ['an address', 'addresses: [10.1.0.1/24]', 'addresses: [10.1.0.2/24]', ['addresses has changed']],
    ['MTU and log', 'mtu: 1400', 'mtu: 1420\nlog: { level: debug }', ['mtu has changed']],
    ['whether to traverse', '', 'traversal: { enabled: false }', ['traversal.enabled has changed']],
    ['how to traverse', '', 'traversal: { hardNat: false, refreshInterval: 30s }', []],
    [
      'a port in the options of a plugin',
      PLUGINS,
      PLUGINS.replace('7', '8'),
      ['options of the plugin @sample/transport have changed'],
    ],
    [
      'the list of plugins',
      PLUGINS,
      'plugins: ["@sample/transport", "@sample/signal"]',
      [
        'options of the plugin @sample/transport have changed',
        'the plugin @sample/signal is new',
        'the plugin @sample/host is gone',
      ],
    ],
  ])('%s', async (_, before, after, expected) => {
    const [running, read] = [await loadYaml(nodeYaml(before)), await loadYaml(nodeYaml(after))];
    expect(new NodeReload(running, target().target).take(read)).toEqual(expected);
  });

  it('settings of traversal, and options of plugins that can take them, are taken over, once', async () => {
    const stun = (server: string) =>
      `plugins: ["@sample/transport", "@sample/host", ["@sample/stun", { servers: [${server}] }]]`;
    const [running, read] = [
      await loadYaml(nodeYaml(stun('a'))),
      await loadYaml(nodeYaml(`${stun('b')}\ntraversal: { hardNat: false }`)),
    ];
    const taken: unknown[] = [];
    const { target: able, configured } = target((options) => {
      taken.push(options);
      return ['a clause'];
    });
    const reload = new NodeReload(running, able);
    expect(reload.take(read)).toEqual(['@sample/stun: a clause']);
    reload.take(read);
    expect(taken).toEqual([{ servers: ['b'] }]);
    expect(configured).toMatchObject([{ hardNat: false }, { hardNat: false }]);
    reload.take(running);
    expect(taken).toEqual([{ servers: ['b'] }, { servers: ['a'] }]);
  });

  it('a plugin that fails at it is named, and asked again', async () => {
    const stun = (server: string) =>
      `plugins: ["@sample/transport", "@sample/host", ["@sample/stun", { servers: [${server}] }]]`;
    const [running, read] = [await loadYaml(nodeYaml(stun('a'))), await loadYaml(nodeYaml(stun('b')))];
    let calls = 0;
    const { target: failing } = target(() => {
      calls += 1;
      throw new Error('no room');
    });
    const reload = new NodeReload(running, failing);
    for (let i = 0; i < 2; i++)
      expect(reload.take(read)).toEqual(['options of the plugin @sample/stun were not taken (no room)']);
    expect(calls).toBe(2);
  });
});
