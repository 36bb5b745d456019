// Commands run one after another, with a line for each.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

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

/** The same, with lines that say what goes on, and how it ended and how long it took. */
export async function step(title, command, args, options) {
  const started = Date.now();
  process.stderr.write(`${title} ...\n`);
  const result = await run(command, args, options);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stderr.write(`${title}: ${result.ok ? 'ok' : 'FAILED'} (${seconds} s)\n`);
  if (!result.ok) process.stderr.write(`${result.output}\n`);
  return result;
}

export const bin = (name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));
