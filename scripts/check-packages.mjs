// What would be published is fit to be: publint on every public package.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

let problems = 0;
for (const name of readdirSync(new URL('../packages', import.meta.url))) {
  const folder = fileURLToPath(new URL(`../packages/${name}`, import.meta.url));
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  if (manifest.private) continue;
  const { messages } = await publint({ pkgDir: folder, strict: true, pack: false });
  for (const message of messages) {
    console.error(`${manifest.name}: ${formatMessage(message, manifest)}`);
    problems += 1;
  }
}
process.exit(problems === 0 ? 0 : 1);
