/**
 * Hostile datagrams and connections over link-local addresses of links with odd names: the system appends such a name to the
 * source of whatever comes in, and it may be nearly any text. The real commands run in one namespace, the hostile in another,
 * and packets go through the tunnel between the two the whole time.
 */
import { createIdentity, formatKey, generatePrivateKey } from '@wirepath/core';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TwoNamespaces } from '../lib/two-namespaces.mjs';

/** What Linux takes: all but slashes, colons, percent signs and white space, in 15 bytes. */
const LINK_NAMES = ['br_lan', 'wp@0', 'q"\'', '[x]', '$(id)', 'ünïcode', '-dash'];
const WIREPATH = fileURLToPath(new URL('../../packages/cli/bin/wirepath.js', import.meta.url));
const SENDER = fileURLToPath(new URL('./odd-links-sender.mjs', import.meta.url));
const PORTS = { node: 51820, stun: 3478, rendezvous: 7000 };
const INNER = ['10.88.0.1', '10.88.0.2'];
const PINGS_PER_SECOND = 50;
const MAX_LOG_LINES = 60;

/** @returns checks `{ ok, what }`. @param count datagrams to each port over each link. */
export async function oddLinks(seed, count, say) {
  const lab = await TwoNamespaces.open();
  try {
    const targets = await makeLinks(lab);
    const { daemons, logs, configs, env } = await startDaemons(lab);
    await lab.until(1, 'ping', '-c', '1', '-W', '1', INNER[0]);
    const sender = ['node', SENDER, JSON.stringify({ seed, count, targets, ports: Object.values(PORTS) })];
    const pings = ping(lab);
    say(`odd links: ${targets.map(({ name }) => name).join('  ')}`);
    const report = JSON.parse(await lab.exec(1, ...sender));
    const { sent, received } = await pings.end();
    const checks = [
      // One may be on its way at the end.
      { ok: sent > 1 && received >= sent - 1, what: `odd links: ${sent} pings beside it, ${received} answered` },
      { ok: report.sent === count * targets.length * 2, what: `odd links: ${report.sent} datagrams were sent` },
      { ok: report.answered > 0, what: `odd links: ${report.answered} Binding requests over them were answered` },
      { ok: report.connections > 0, what: `odd links: ${report.connections} TCP connections were taken` },
    ];
    for (const [name, child] of Object.entries(daemons)) {
      const alive = child.exitCode === null && child.signalCode === null;
      checks.push({ ok: alive, what: `odd links: the ${name} still runs${alive ? '' : `\n${child.lastWords}`}` });
      if (!alive) continue;
      const answer = await lab.exec(0, 'env', ...env, 'node', WIREPATH, 'status', '--json', '--config', configs[name]);
      const { node, server } = JSON.parse(answer);
      const failed = Object.keys(node?.dropped ?? server.failed).filter((key) => key.startsWith('failed.'));
      const unknown = node?.dropped['receive.no-address'] ?? 0;
      checks.push(
        { ok: failed.length === 0, what: `odd links: no handler of the ${name} failed ${failed.join(', ')}` },
        { ok: unknown === 0, what: `odd links: the ${name} could read every source (${unknown} it could not)` },
      );
      const lines = (await readFile(logs[name], 'utf8')).split('\n').length;
      checks.push({ ok: lines < MAX_LOG_LINES, what: `odd links: the ${name} logged ${lines} lines` });
    }
    return checks;
  } finally {
    await lab.close();
  }
}

/** @returns for each link its name here, the address of our side, and the name on the other side. */
async function makeLinks(lab) {
  const [a, b] = lab.names;
  const targets = [];
  for (const [index, name] of LINK_NAMES.entries()) {
    const far = `h${index}`;
    await lab.exec(0, 'ip', 'link', 'add', 'name', name, 'netns', a, 'type', 'veth', 'peer', 'name', far, 'netns', b);
    const address = `fe80::a:${index + 1}`;
    await lab.exec(0, 'ip', 'address', 'add', `${address}/64`, 'dev', name, 'nodad');
    await lab.exec(1, 'ip', 'address', 'add', `fe80::b:${index + 1}/64`, 'dev', far, 'nodad');
    await lab.exec(0, 'ip', 'link', 'set', 'dev', name, 'up');
    await lab.exec(1, 'ip', 'link', 'set', 'dev', far, 'up');
    targets.push({ name, address, zone: far });
  }
  return targets;
}

async function startDaemons(lab) {
  const keys = [0, 1].map(() => generatePrivateKey());
  const env = [`XDG_RUNTIME_DIR=${lab.folder}`];
  const server = {
    stun: { listen: `[::]:${PORTS.stun}` },
    rendezvous: { listen: `[::]:${PORTS.rendezvous}` },
  };
  const node = (side) => ({
    privateKey: formatKey(keys[side]),
    interface: `wpo${side}`,
    addresses: [`${INNER[side]}/24`],
    plugins: [
      '@wirepath/source-host',
      ['@wirepath/transport-wg', { listenPort: PORTS.node }],
      ['@wirepath/signaling-rendezvous', { url: `ws://${lab.addresses[0]}:${PORTS.rendezvous}` }],
    ],
    peers: [
      { name: 'peer', publicKey: createIdentity(keys[1 - side]).publicKey, allowedIps: [`${INNER[1 - side]}/32`] },
    ],
  });
  const configs = {};
  const logs = {};
  const start = async (side, name, command, rc) => {
    configs[name] = join(lab.folder, `${name}.json`);
    logs[name] = join(lab.folder, `${name}.log`);
    await writeFile(configs[name], JSON.stringify(rc), { mode: 0o600 });
    const shell = 'exec "$0" "$@" >"$LOG"';
    return lab.spawn(side, [
      'env',
      ...env,
      `LOG=${logs[name]}`,
      'sh',
      '-c',
      shell,
      process.execPath,
      WIREPATH,
      command,
      '--config',
      configs[name],
    ]);
  };
  const daemons = {
    server: await start(0, 'server', 'serve', { server }),
    node: await start(0, 'node', 'up', node(0)),
  };
  await start(1, 'other', 'up', node(1));
  return { daemons, logs, configs, env };
}

/** Pings through the tunnel until it is told to end. */
function ping(lab) {
  const child = lab.spawn(1, ['ping', '-q', '-i', String(1 / PINGS_PER_SECOND), '-W', '1', INNER[0]], {
    stdout: 'pipe',
  });
  let text = '';
  child.stdout.on('data', (part) => (text += part));
  return {
    async end() {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGINT');
      await closed;
      const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(text) ?? [];
      return { sent: Number(sent), received: Number(received) };
    },
  };
}
