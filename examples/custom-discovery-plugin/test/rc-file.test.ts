import { defineProduct, loadConfig, type PluginDefinition } from '@wirepath/core';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const at = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** The rc file's other plugins are not this example's business. */
const other = (name: string, role: 'transport' | 'candidateSource' | 'signaling') => async () =>
  ({
    name,
    apiVersion: 1,
    options: (z) => z.unknown(),
    needs: [],
    provides: [role],
    create: () => ({}),
  }) satisfies PluginDefinition;

const product = defineProduct({
  name: 'wirepath',
  version: '1.0.0',
  plugins: {
    '@wirepath/source-host': other('@wirepath/source-host', 'candidateSource'),
    '@wirepath/transport-wg': other('@wirepath/transport-wg', 'transport'),
    '@wirepath/signaling-rendezvous': other('@wirepath/signaling-rendezvous', 'signaling'),
  },
  defaultPlugins: [],
  serverPlugins: [],
});

const rcFile = at('under-test.yaml');
afterAll(() => rm(rcFile, { force: true }));

async function load(edit: (text: string) => string) {
  // The plugin's source in the place of its build, which may be stale; and a key.
  const text = (await readFile(at('wirepath.yaml'), 'utf8')).replace('./dist/index.js', './src/index.ts');
  const key = `privateKey: ${Buffer.alloc(32, 1).toString('base64')}`;
  await writeFile(rcFile, edit(text.replace(/^privateKeyFile.*$/m, key)), { mode: 0o600 });
  return loadConfig(product, { configPath: rcFile, env: {} });
}

it('is found by its path from the rc file, and its options are checked', async () => {
  const { plugins } = await load((text) => text);
  expect(plugins.find(({ name }) => name === './src/index.ts')).toMatchObject({
    roles: ['peerDiscovery'],
    options: { file: './peers.txt', pollSeconds: 5 },
  });
  await expect(load((text) => text.replace('{ file:', '{ fiel:'))).rejects.toThrow(/fiel/);
});
