// Compiles the bundle's chunks ahead, for bin/bundle.js to start from: half of what a node's start costs on Node 20 is
// compiling. Code for this version of V8 only; any other Node loads the bundle without.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const { compiledFolder, loadChunks, sourceOf } = createRequire(import.meta.url)('../packages/cli/bin/bundle.js');

/** Chunks that are far larger than what is ever called of them: reading the compiled code of all would cost more than it saves. */
const SPARSE = /^zod-/;

export function compileBundle(bundle) {
  // Later Nodes do it themselves, of what is executed.
  if (module.enableCompileCache !== undefined) return;
  const folder = compiledFolder(bundle);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(bundle).filter((file) => file.endsWith('.cjs'))) {
    // The name in stacks, which the compiled code keeps: no path, since what is built here may run elsewhere.
    const script = compileEagerly(sourceOf(`${bundle}/${name}`), name);
    writeFileSync(`${folder}/${name}`, script.createCachedData());
  }
  execFileSync(process.execPath, [fileURLToPath(import.meta.url), bundle], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** In a process of its own: what a check of a configuration calls of these chunks is what is kept of them. */
async function compileSparsely(bundle) {
  const scripts = new Map();
  const { main } = loadChunks(bundle, (name) => {
    const script = new Script(sourceOf(`${bundle}/${name}`), { filename: name });
    scripts.set(name, script);
    return script;
  });
  const folder = mkdtempSync(join(tmpdir(), 'wirepath-compile-'));
  try {
    writeFileSync(join(folder, 'a.key'), randomBytes(32).toString('base64'), { mode: 0o600 });
    const server = { stun: { listen: '127.0.0.1:3478' } };
    writeFileSync(join(folder, 'rc.json'), JSON.stringify({ ...EXAMPLE, server }), { mode: 0o600 });
    await main(['node', 'wirepath', 'check-config', '--config', join(folder, 'rc.json')]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const [name, script] of scripts) {
    if (SPARSE.test(name)) writeFileSync(`${compiledFolder(bundle)}/${name}`, script.createCachedData());
  }
}

/** Every plugin's options and every part of the schema are gone through once; the key of the peer is anybody's. */
const EXAMPLE = {
  privateKeyFile: './a.key',
  interface: 'wp0',
  addresses: ['10.77.0.1/24'],
  plugins: [
    '@wirepath/source-host',
    ['@wirepath/source-stun', { servers: ['127.0.0.1:3478'] }],
    ['@wirepath/source-relay', { servers: [{ url: 'turn:127.0.0.1:3478', username: 'a', credential: 'b' }] }],
    ['@wirepath/transport-wg', { mode: 'embedded', listenPort: 51820 }],
    ['@wirepath/signaling-rendezvous', { url: 'ws://127.0.0.1:7000' }],
  ],
  peers: [{ name: 'b', publicKey: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=', allowedIps: ['10.77.0.2/32'] }],
};

/** Every function, not just what runs at once: compiling the others when they are called is what takes the time. */
function compileEagerly(source, filename) {
  setFlagsFromString('--no-lazy');
  try {
    return new Script(source, { filename });
  } finally {
    // V8 refuses code that was serialized under other flags than its own.
    setFlagsFromString('--lazy');
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await compileSparsely(process.argv[2]);
