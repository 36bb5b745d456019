#!/usr/bin/env node
// The door of the workspace: `npm run demo` and `npm test` on a bare clone do all the set-up. Needs Node and npm alone.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { packageManager } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** Runs a command in the root; its output is shown only when it fails, or all along with `show`. */
export function run(command, args, { show = false, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    const forward = (signal) => child.kill(signal);
    process.once('SIGINT', forward).once('SIGTERM', forward);
    child.on('error', (error) => resolve({ ok: false, code: 1, output: error.message }));
    child.on('close', (code, signal) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      resolve({ ok: code === 0, code: code ?? (signal === 'SIGINT' ? 130 : 1), output });
    });
  });
}

/** The same, with a line that says what goes on and how long it took. */
export async function step(title, command, args, options) {
  const started = Date.now();
  process.stderr.write(`${title} ... `);
  const result = await run(command, args, options);
  process.stderr.write(`${result.ok ? 'ok' : 'FAILED'} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
  if (!result.ok) process.stderr.write(`${result.output}\n`);
  return result;
}

export const bin = (name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));

async function setUp() {
  const install = ['--yes', packageManager, 'install', '--frozen-lockfile', '--prefer-offline'];
  if (!(await step('Installing', 'npx', install)).ok) process.exit(1);
  if (!(await step('Building', bin('tsc'), ['-b', 'tsconfig.json'])).ok) process.exit(1);
}

const [, , task, ...rest] = process.argv;
if (task === 'demo') {
  await setUp();
  process.exit((await run(process.execPath, ['packages/cli/bin/wirepath.js', 'demo', ...rest], { show: true })).code);
} else if (task === 'test') {
  await setUp();
  const { test } = await import('./test.mjs');
  process.exit(await test(rest));
} else if (task !== undefined) {
  process.stderr.write('usage: node scripts/door.mjs demo|test\n');
  process.exit(2);
}
