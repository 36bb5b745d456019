// What would be published is fit to be: publint and "are the types wrong" on every public package.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { bin, run } from './steps.mjs';

async function problemsOf(name) {
  const folder = fileURLToPath(new URL(`../packages/${name}`, import.meta.url));
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  if (manifest.private) return [];
  const { messages } = await publint({ pkgDir: folder, strict: true, pack: false });
  const problems = messages.map((message) => `${manifest.name}: ${formatMessage(message, manifest)}`);
  // ESM only: a CommonJS consumer imports it dynamically.
  const types = await run(bin('attw'), ['--pack', folder, '--profile', 'esm-only', '--format', 'ascii', '--quiet']);
  if (!types.ok) problems.push(`${manifest.name}: ${types.output}`);
  return problems;
}

const names = readdirSync(new URL('../packages', import.meta.url));
let failed = false;
const worker = async () => {
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    for (const problem of await problemsOf(name)) {
      failed = true;
      console.error(problem);
    }
  }
};
await Promise.all([worker(), worker()]);
process.exit(failed ? 1 : 0);
