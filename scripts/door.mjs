#!/usr/bin/env node
// The door of the workspace: `npm run demo`, `npm test`, `npm run pack` and `npm run mutate` on a bare clone do all the set-up. Needs Node
// and npm alone.
import { readFileSync } from 'node:fs';
import { bin, run, step } from './steps.mjs';
import { packAndTell } from './pack.mjs';
import { test } from './test.mjs';

const { packageManager } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

async function setUp() {
  const install = ['--yes', packageManager, 'install', '--frozen-lockfile', '--prefer-offline'];
  if (!(await step('Installing', 'npx', install)).ok) process.exit(1);
  if (!(await step('Building', bin('tsc'), ['-b', 'tsconfig.json'])).ok) process.exit(1);
  if (!(await step('Bundling', process.execPath, ['scripts/bundle-cli.mjs'])).ok) process.exit(1);
}

const [, , task, ...rest] = process.argv;
if (task === 'demo') {
  await setUp();
  process.exit((await run(process.execPath, ['packages/cli/bin/wirepath.js', 'demo', ...rest], { show: true })).code);
} else if (task === 'test') {
  await setUp();
  process.exit(await test(rest));
} else if (task === 'pack') {
  await setUp();
  await packAndTell(rest[0]);
} else if (task === 'mutate') {
  await setUp();
  process.exit((await run(bin('stryker'), ['run', ...rest], { show: true })).code);
} else {
  process.stderr.write('usage: node scripts/door.mjs demo|test|pack|mutate\n');
  process.exit(2);
}
