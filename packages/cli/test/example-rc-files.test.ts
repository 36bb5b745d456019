import { loadConfig } from '@wirepath/core';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { wirepath } from '../src/product.js';

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url));
const withRcFile = readdirSync(examples).filter((name) => existsSync(join(examples, name, 'wirepath.yaml')));

it.each(withRcFile)('the rc file of examples/%s loads as a user would load it', async (name) => {
  const folder = await mkdtemp(join(tmpdir(), 'example-'));
  try {
    const text = readFileSync(join(examples, name, 'wirepath.yaml'), 'utf8');
    // The plugin's source in the place of its build, which may be stale.
    const source = join(examples, name, 'src/index.ts');
    expect(text).toContain(`'./dist/index.js'`);
    const configPath = join(folder, 'wirepath.yaml');
    await writeFile(configPath, text.replace('./dist/index.js', source), { mode: 0o600 });
    await writeFile(join(folder, 'a.key'), Buffer.alloc(32, 1).toString('base64'), { mode: 0o600 });
    const { plugins, node } = await loadConfig(wirepath, { configPath, env: {} });
    expect(plugins.map((plugin) => plugin.name)).toContain(source);
    expect(node?.settings.addresses).toEqual(['10.77.0.1/24']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
