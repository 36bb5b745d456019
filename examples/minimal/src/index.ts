/**
 * Two nodes in one process and an echo through the tunnel between them. Real WireGuard over loopback; no device, no root.
 *
 * @packageDocumentation
 */
import {
  createIdentity,
  createNode,
  createServer,
  defineProduct,
  formatKey,
  generatePrivateKey,
  loadConfig,
  silentLogger,
  type Node,
} from '@wirepath/core';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ipv4Packet, payloadOf } from './ipv4-packet.js';

const product = defineProduct({
  name: 'minimal',
  version: '1.0.0',
  plugins: {
    '@wirepath/source-host': () => import('@wirepath/source-host'),
    '@wirepath/transport-wg': () => import('@wirepath/transport-wg'),
    '@wirepath/signaling-rendezvous': () => import('@wirepath/signaling-rendezvous'),
  },
  defaultPlugins: [],
  serverPlugins: ['@wirepath/signaling-rendezvous'],
});
const environment = { logger: silentLogger() };
const { signal } = new AbortController();

const KEYS = { a: generatePrivateKey(), b: generatePrivateKey() };
const IPS = { a: '10.77.0.1', b: '10.77.0.2' };

const rcFile = (own: 'a' | 'b', peer: 'a' | 'b', rendezvousUrl: string) => `
privateKey: ${formatKey(KEYS[own])}
addresses: [${IPS[own]}/24]
plugins:
  - ["@wirepath/source-host", { loopback: true, interfaces: { include: ["lo*"] } }]
  - ["@wirepath/transport-wg", { tun: false }]
  - ["@wirepath/signaling-rendezvous", { url: "${rendezvousUrl}" }]
peers:
  - { name: ${peer}, publicKey: "${createIdentity(KEYS[peer]).publicKey}", allowedIps: [${IPS[peer]}/32] }
`;

/** @param folder for the rc files. @returns what came back through the tunnel, and the type of the path it took. */
export async function echoThroughTunnel(folder: string, text: string): Promise<{ echo: string; connection: string }> {
  const load = async (name: string, yaml: string) => {
    const configPath = join(folder, `${name}.yaml`);
    await writeFile(configPath, yaml, { mode: 0o600 });
    return loadConfig(product, { configPath });
  };
  const serverFile = await load('server', 'server: { rendezvous: { listen: "127.0.0.1:0" } }');
  const [server] = await createServer(product, serverFile, environment);
  if (server === undefined) throw new Error('no server');
  await server.start({ signal });
  const url = server.describe()[0]?.replace('rendezvous ', '') ?? '';

  const a = await createNode(product, await load('a', rcFile('a', 'b', url)), environment);
  const b = await createNode(product, await load('b', rcFile('b', 'a', url)), environment);
  try {
    await Promise.all([a.start({ signal }), b.start({ signal })]);
    await connected(a);
    b.packets?.onPacket((packet) => b.packets?.send(ipv4Packet(IPS.b, IPS.a, payloadOf(packet))));
    const echo = new Promise<string>((resolve) =>
      a.packets?.onPacket((packet) => resolve(payloadOf(packet).toString())),
    );
    a.packets?.send(ipv4Packet(IPS.a, IPS.b, Buffer.from(text)));
    return { echo: await echo, connection: a.status().peers[0]?.connection ?? '' };
  } finally {
    await Promise.all([a.stop(), b.stop()]);
    await server.stop();
  }
}

function connected(node: Node): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (node.status().peers[0]?.connection === 'direct') resolve();
    };
    node.onChange(look);
    look();
  });
}
