import { describe, expect, it } from 'vitest';
import { OTHER_PEER_KEY, PEER_KEY, problemsOf, RcFolder } from '../rc-folder.js';

const places = async (folder: RcFolder, name: string, env: Record<string, string> = {}) =>
  (await problemsOf(folder.load(name, { env }))).map(
    ({ file, line, column, keyPath }) =>
      `${file.replace(`${folder.path}/`, '')}:${line ?? '-'}:${column ?? '-'} ${keyPath}`,
  );

describe('problems', () => {
  it('stand in the order of the YAML file, each with its line and column', async () => {
    const yaml = [
      'mtu: 1', // a value on the line of its key: the value
      'peers:',
      `  - { name: b, publicKey: ${PEER_KEY}, allowedIps: [10.0.0.0/33, 10.77.0.2/32] }`,
      '  - name: c', // what is missing: what it is missing in
      '    keepalive: often',
      'privateKeyFile: ./private.key',
      'traversal:',
      '  hardNut: true', // what should not be there: the key
      'plugins: ["@sample/host", ["@sample/stun", { servers: 7 }]]',
      'log:', // a long value: the key
      '  - x',
    ];
    expect(await places(new RcFolder({ 'rc.yaml': yaml.join('\n') }), 'rc.yaml')).toEqual([
      'rc.yaml:1:6 mtu',
      'rc.yaml:3:86 peers[0].allowedIps[0]',
      'rc.yaml:4:5 peers[1].publicKey',
      'rc.yaml:5:16 peers[1].keepalive',
      'rc.yaml:8:3 traversal.hardNut',
      'rc.yaml:9:55 plugins[1][1].servers',
      'rc.yaml:10:1 log',
    ]);
  });

  it('stand in the order of JSON, with tabs, and of a section of package.json', async () => {
    const rc = '{\n\t"privateKeyFile": "private.key",\n\t"mtu": "x",\n\t"adresses": []\n}';
    const folder = new RcFolder({
      'rc.json': rc,
      'package.json': `{\n  "name": "mine",\n  "mtu": 0,\n  "sample": ${rc.replaceAll('\n', '\n  ')}\n}`,
    });
    expect(await places(folder, 'rc.json')).toEqual(['rc.json:3:9 mtu', 'rc.json:4:2 adresses']);
    expect(await places(folder, 'package.json')).toEqual(['package.json:6:11 mtu', 'package.json:7:4 adresses']);
  });

  it('of anchors, of a file of peers and of an environment variable are told where they are', async () => {
    const folder = new RcFolder({
      'rc.yaml': 'peersFile: ./peers.yaml\ntraversal: &t { hardNat: 7 }\nprivateKeyFile: private.key\nmtu: 1420\n',
      'peers.yaml': `- { name: a, publicKey: ${OTHER_PEER_KEY} }\n- &b\n  name: 'b c'\n  publicKey: ${PEER_KEY}\n`,
    });
    expect(await places(folder, 'rc.yaml', { SAMPLE_MTU: '1' })).toEqual([
      'rc.yaml:2:26 traversal.hardNat',
      'environment variable SAMPLE_MTU:-:- mtu',
      'peers.yaml:3:9 [1].name',
    ]);
  });

  it('of code have no position', async () => {
    const folder = new RcFolder({ 'rc.mjs': "export default { privateKeyFile: './private.key', mtu: 1 };" });
    expect(await places(folder, 'rc.mjs')).toEqual(['rc.mjs:-:- mtu']);
  });
});
