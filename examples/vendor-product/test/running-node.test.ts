import {
  createNode,
  defineProduct,
  loadConfig,
  memoryLogger,
  type Node,
  type Product,
  type RcFileContent,
} from '@wirepath/core';
import { definePlugin } from '@wirepath/core/plugin';
import { describe, expect, it, onTestFinished } from 'vitest';
import { acmenet } from '../src/index.js';

const UPSTREAM = /wire-?path|upstream/i;
const TUNNEL = ['@acmenet/tunnel', { tun: false }] as const;
const ADDRESSES = ['@acmenet/addresses', { loopback: true, interfaces: { include: ['lo*'] } }] as const;
const RENDEZVOUS = ['@acmenet/rendezvous', { url: 'ws://127.0.0.1:1' }] as const;

/** A product whose vendor took plugins of others and gave them names of his own. */
const patched: Product = defineProduct({
  name: acmenet.name,
  version: acmenet.version,
  defaultPlugins: acmenet.defaultPlugins,
  serverPlugins: acmenet.serverPlugins,
  plugins: {
    ...acmenet.plugins,
    '@acmenet/extra': async () => ({
      default: definePlugin({
        name: '@upstream/extra',
        apiVersion: 1,
        needs: ['logger', 'guard'],
        provides: ['candidateSource', 'peerDiscovery'],
        create: ({ logger, guard }) => {
          logger.info('here');
          guard.failed('tick', new Error('no'));
          return {
            candidateSource: {
              async *gather() {
                yield { type: 'host', address: { family: 4, ip: '192.0.2.7', port: 7 } };
                throw new Error('no more');
              },
            },
            peerDiscovery: {
              async *peers() {
                yield { kind: 'set', peer: { name: 'x', publicKey: 'short', allowedIps: [], keepaliveSeconds: 0 } };
                throw new Error('registry gone');
              },
            },
          };
        },
      }),
    }),
  },
});

async function running(product: Product, plugins: RcFileContent['plugins']) {
  const privateKey = Buffer.alloc(32, 1).toString('base64');
  const value: RcFileContent = { privateKey, interface: 'acme0', addresses: ['10.77.0.1/24'], plugins };
  const logger = memoryLogger();
  const node: Node = await createNode(product, await loadConfig(product, { value }), { logger });
  onTestFinished(() => node.stop());
  await node.start({ signal: new AbortController().signal });
  return { node, logger };
}

describe('a running node of the product', () => {
  it('names plugins as the product does: in candidates, problems and every field of the log', async () => {
    const { node, logger } = await running(acmenet, [TUNNEL, ADDRESSES, RENDEZVOUS]);
    await expect.poll(() => node.status().node.candidates.map(({ source }) => source)).toContain('@acmenet/addresses');
    await expect.poll(() => node.status().signaling[0]?.error).toBeTruthy();
    expect(JSON.stringify(node.status())).not.toMatch(UPSTREAM);
    const components = logger.lines.map(({ fields }) => fields['component']);
    expect(components).toContain('@acmenet/rendezvous');
    for (const line of logger.lines) expect(JSON.stringify(line)).not.toMatch(UPSTREAM);
  });

  it('also those that fail: component, source, problems, counters', async () => {
    const { node, logger } = await running(patched, [TUNNEL, '@acmenet/extra']);
    await expect.poll(() => node.status().node.candidates.map(({ source }) => source)).toContain('@acmenet/extra');
    await expect.poll(() => node.status().node.problems.length).toBeGreaterThanOrEqual(4);
    const { problems, dropped } = node.status().node;
    expect(problems.map((line) => line.split(':')[0])).toEqual(problems.map(() => '@acmenet/extra'));
    expect(Object.keys(dropped)).toEqual(
      expect.arrayContaining(['failed.@acmenet/extra: tick', 'refused.@acmenet/extra: peer']),
    );
    expect(logger.lines.find(({ message }) => message === 'here')?.fields).toEqual({ component: '@acmenet/extra' });
    expect(JSON.stringify([node.status(), logger.lines.filter(({ level }) => level !== 'debug')])).not.toMatch(
      UPSTREAM,
    );
  });
});
