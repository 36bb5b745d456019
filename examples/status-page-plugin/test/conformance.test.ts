import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { EdgeGuard } from '@wirepath/core';
import {
  pluginConformance,
  runConformance,
  serviceConformance,
  StaticNode,
} from '../../../packages/testkit/src/index.js';
import plugin from '../src/index.js';

const B = { publicKey: 'kYbi1dVLyxCbAmADsR3CIKHFmlr2OKyt5ZOYdyZ3qFE=', allowedIps: ['10.77.0.2/32'] };

describe('status-page is a service', () => {
  runConformance(
    serviceConformance(async ({ clock, logger }) => {
      const node = new StaticNode();
      node.set({ name: 'b', keepaliveSeconds: 25, ...B }, { connection: 'direct' });
      const port = await freePort();
      const guard = EdgeGuard.create('page', { clock, logger });
      const { service } = await plugin.create({ guard, status: node.needs().status }, { port });
      const use = async () => {
        const page = await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } });
        expect(await page.text()).toContain('b: direct');
      };
      return { create: () => service!, node, use };
    }),
    it,
  );
});

describe('status-page is a plugin', () => {
  runConformance(
    pluginConformance(() => ({ plugin, options: { port: 8078 } })),
    it,
  );
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
