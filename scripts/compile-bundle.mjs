// Lets V8 compile what a node, a server and a client of theirs execute, for bin/bundle.js to start from. To that end two
// nodes are connected over loopback; that needs no right of any kind and takes a second.
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const RUNNER = fileURLToPath(new URL('run-and-compile.cjs', import.meta.url));
const TIMEOUT_MS = 20_000;

/** @throws Error when the nodes do not connect. */
export async function compileBundle(bundle) {
  const folder = mkdtempSync(join(tmpdir(), 'compile-bundle-'));
  const run = (...args) => new Run(bundle, folder, args);
  const running = [];
  // Whatever is waited for ends with its process.
  const bound = setTimeout(() => running.forEach(({ child }) => child.kill('SIGKILL')), TIMEOUT_MS);
  try {
    const servers = { rendezvous: `127.0.0.1:${await freePort()}`, relay: `127.0.0.1:${await freePort()}` };
    const keys = { a: keyPair(), b: keyPair() };
    const files = {
      server: write(folder, 'server', serverOf(servers)),
      a: write(folder, 'a', nodeOf('a', keys.a, 'b', keys.b, servers)),
      b: write(folder, 'b', nodeOf('b', keys.b, 'a', keys.a, servers)),
    };
    running.push(run('serve', '--config', files.server));
    await running[0].said('server is up');
    running.push(run('up', '--config', files.b), run('up', '--config', files.a));
    await running[2].said('peer b is direct');
    running.push(run('status', '--json', '--config', files.a));
    await running[3].ended;
    // One after another: of what several have executed, a node's shall be the last word.
    for (const one of running.slice(0, 3)) await one.stop();
  } finally {
    clearTimeout(bound);
    for (const { child } of running) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

class Run {
  output = '';

  constructor(bundle, folder, args) {
    const env = { ...process.env, XDG_RUNTIME_DIR: folder };
    this.child = spawn(process.execPath, [RUNNER, bundle, ...args], { env });
    this.child.stdout.on('data', (text) => (this.output += text));
    this.child.stderr.on('data', (text) => (this.output += text));
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
  }

  /** @throws Error with all that it said when it ends without saying this. */
  said(text) {
    return new Promise((resolve, reject) => {
      const failed = () => reject(new Error(`no "${text}": ${this.output}`));
      this.child.once('close', failed);
      this.child.stdout.on('data', () => {
        if (this.output.includes(text)) resolve();
      });
    });
  }

  async stop() {
    this.child.kill('SIGTERM');
    if ((await this.ended) !== 0) throw new Error(this.output);
  }
}

const RELAY_USER = { username: 'compile', credential: 'bundle' };

function serverOf({ rendezvous, relay }) {
  const users = { [RELAY_USER.username]: RELAY_USER.credential };
  return {
    server: {
      stun: { listen: relay },
      turn: { listen: relay, realm: 'loopback', users },
      rendezvous: { listen: rendezvous },
    },
  };
}

function nodeOf(name, { privateKey }, otherName, { publicKey }, servers) {
  const address = (one) => `10.77.0.${one === 'a' ? 1 : 2}`;
  return {
    privateKey,
    interface: `wp${name}`,
    addresses: [`${address(name)}/24`],
    plugins: [
      ['@wirepath/source-host', { loopback: true, interfaces: { include: ['lo*'] } }],
      ['@wirepath/source-stun', { servers: [servers.relay] }],
      ['@wirepath/source-relay', { servers: [{ url: `turn:${servers.relay}`, ...RELAY_USER }] }],
      ['@wirepath/transport-wg', { tun: false }],
      ['@wirepath/signaling-rendezvous', { url: `ws://${servers.rendezvous}` }],
    ],
    peers: [{ name: otherName, publicKey, allowedIps: [`${address(otherName)}/32`] }],
  };
}

/** YAML, of which JSON is a part: its parser is what most nodes need. */
function write(folder, name, content) {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, JSON.stringify(content), { mode: 0o600 });
  return file;
}

function keyPair() {
  const { privateKey } = generateKeyPairSync('x25519');
  const { d, x } = privateKey.export({ format: 'jwk' });
  const base64 = (text) => Buffer.from(text, 'base64url').toString('base64');
  return { privateKey: base64(d), publicKey: base64(x) };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
