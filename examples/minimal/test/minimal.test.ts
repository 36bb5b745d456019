import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { echoThroughTunnel } from '../src/index.js';

const folder = await mkdtemp(join(tmpdir(), 'minimal-'));
afterAll(() => rm(folder, { recursive: true }));

it('an echo comes back through the tunnel, directly', async () => {
  expect(await echoThroughTunnel(folder, 'hello')).toEqual({ echo: 'hello', connection: 'direct' });
});
