import { describe, expect, it } from 'vitest';
import { needsRestart } from '../../src/node/needs-restart.js';
import { loadYaml, nodeYaml } from '../rc-file/rc-folder.js';

const PLUGINS = 'plugins: ["@sample/host", ["@sample/transport", { listenPort: 7 }]]';

describe('an rc file that is read again says which of its changes take a restart', () => {
  it.each([
    ['nothing has changed', '', '', []],
    ['the peers alone', '', 'peers: [{ name: b, publicKey: xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= }]', []],
    ['the interface', 'interface: wg1', 'interface: wg2', ['interface has changed']],
    ['an address', 'addresses: [10.1.0.1/24]', 'addresses: [10.1.0.2/24]', ['addresses has changed']],
    ['MTU and log', 'mtu: 1400', 'mtu: 1420\nlog: { level: debug }', ['mtu has changed', 'log has changed']],
    ['traversal', '', 'traversal: { hardNat: false }', ['traversal has changed']],
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
    expect(needsRestart(running, read)).toEqual(expected);
  });
});
