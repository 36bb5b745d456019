/** Ways to join two namespaces by a WireGuard tunnel from 10.88.0.1 to 10.88.0.2. */
import { createIdentity, formatKey, generatePrivateKey } from '@wirepath/core';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const WIREPATH = fileURLToPath(new URL('../../packages/cli/bin/wirepath.js', import.meta.url));
const PORT = 51820;
export const TUNNEL_MTU = 1420;
export const TUNNEL_ADDRESSES = ['10.88.0.1', '10.88.0.2'];

function keyPair() {
  const key = generatePrivateKey();
  return { privateKey: formatKey(key), publicKey: createIdentity(key).publicKey };
}

/** @returns the daemons of both ends, once packets pass. */
export async function startWirepath(lab) {
  const keys = [keyPair(), keyPair()];
  const runtime = join(lab.folder, 'run');
  await mkdir(runtime, { recursive: true, mode: 0o700 });
  const daemons = [];
  for (const side of [0, 1]) {
    const file = join(lab.folder, `${side}.json`);
    const peer = {
      name: 'peer',
      publicKey: keys[1 - side].publicKey,
      allowedIps: [`${TUNNEL_ADDRESSES[1 - side]}/32`],
    };
    const rc = {
      privateKey: keys[side].privateKey,
      interface: `wpb${side}`,
      addresses: [`${TUNNEL_ADDRESSES[side]}/24`],
      mtu: TUNNEL_MTU,
      plugins: [['@wirepath/transport-wg', { listenPort: PORT }]],
      peers: [{ ...peer, endpoint: `${lab.addresses[1 - side]}:${PORT}` }],
      log: { level: 'warn' },
    };
    await writeFile(file, JSON.stringify(rc), { mode: 0o600 });
    const command = [process.execPath, WIREPATH, 'up', '--config', file];
    daemons.push(lab.spawn(side, command, { env: { XDG_RUNTIME_DIR: runtime } }));
  }
  await lab.until(0, 'ping', '-c', '1', '-W', '1', TUNNEL_ADDRESSES[1]);
  return daemons;
}

/** @returns the daemons of both ends, once packets pass. */
export async function startWireguardGo(lab) {
  const keys = [keyPair(), keyPair()];
  const daemons = [];
  for (const side of [0, 1]) {
    const name = `wgb${process.pid % 100000}${side}`;
    daemons.push(lab.spawn(side, ['wireguard-go', '-f', name]));
    await lab.until(side, 'wg', 'show', name);
    const keyFile = join(lab.folder, `${side}.key`);
    await writeFile(keyFile, keys[side].privateKey, { mode: 0o600 });
    const peer = [
      ...['peer', keys[1 - side].publicKey, 'allowed-ips', `${TUNNEL_ADDRESSES[1 - side]}/32`],
      ...['endpoint', `${lab.addresses[1 - side]}:${PORT}`],
    ];
    await lab.exec(side, 'wg', 'set', name, 'private-key', keyFile, 'listen-port', String(PORT), ...peer);
    await lab.exec(side, 'ip', 'address', 'add', `${TUNNEL_ADDRESSES[side]}/24`, 'dev', name);
    await lab.exec(side, 'ip', 'link', 'set', name, 'mtu', String(TUNNEL_MTU), 'up');
  }
  await lab.until(0, 'ping', '-c', '1', '-W', '1', TUNNEL_ADDRESSES[1]);
  return daemons;
}
