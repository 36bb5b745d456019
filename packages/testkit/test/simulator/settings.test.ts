import { definePlugin, defineProduct, loadConfig } from '@wirepath/core';
import { expect, it } from 'vitest';
import { KEEPALIVE_MS, SETTINGS } from '../../src/simulator/node/simulated-node.js';

/** Loading looks at what it provides, and creates nothing. */
const transport = definePlugin({
  name: 'transport',
  apiVersion: 1,
  needs: [],
  provides: ['transport'],
  create: () => {
    throw new Error('never created');
  },
});

it('a simulated node has the settings that the rc file’s defaults give', async () => {
  const product = defineProduct({
    name: 'acme-mesh',
    version: '1.0.0',
    plugins: { transport: async () => ({ default: transport }) },
    defaultPlugins: ['transport'],
    serverPlugins: [],
  });
  const value = {
    privateKey: Buffer.alloc(32, 1).toString('base64'),
    peers: [{ name: 'b', publicKey: Buffer.alloc(32, 9).toString('base64'), allowedIps: ['10.77.0.2/32'] }],
  };
  const { node } = await loadConfig(product, { value });
  expect(node?.traversal).toMatchObject(SETTINGS);
  expect(node?.peers[0]?.keepaliveSeconds).toBe(KEEPALIVE_MS / 1000);
});
