import { expect, it } from 'vitest';
import { loadYaml, nodeYaml, OTHER_PEER_KEY, PEER_KEY } from '../rc-file/rc-folder.js';

const peers = (endpoint: string) =>
  `peers:
  - { name: b, publicKey: "${PEER_KEY}"${endpoint} }
  - { name: c, publicKey: "${OTHER_PEER_KEY}", endpoint: "192.0.2.9:51820" }`;
const ALONE = 'plugins: ["@sample/transport"]';

it.each([
  ['signalling finds it', peers(''), undefined],
  ['it has an endpoint', `${ALONE}\n${peers(', endpoint: "192.0.2.8:51820"')}`, undefined],
  ['it has neither', `${ALONE}\n${peers('')}`, /^b: no endpoint, and no plugin provides signalling.* add a signalling/],
  [
    'traversal is off',
    `traversal: { enabled: false }\n${peers('')}`,
    /^b: .*traversal.enabled is false.* turn traversal on$/,
  ],
])('a peer is warned of where nothing leads to it: %s', async (_, yaml, expected) => {
  const { warnings } = await loadYaml(nodeYaml(yaml));
  expect(warnings.map(({ keyPath, message }) => ({ keyPath, message }))).toEqual(
    expected === undefined ? [] : [{ keyPath: 'peers', message: expect.stringMatching(expected) as string }],
  );
});
