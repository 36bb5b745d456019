import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { echoThroughTunnel } from './index.js';

const folder = await mkdtemp(join(tmpdir(), 'minimal-'));
try {
  const { echo, connection } = await echoThroughTunnel(folder, 'hello');
  console.log(`${echo} came back, ${connection}`);
} finally {
  await rm(folder, { recursive: true });
}
