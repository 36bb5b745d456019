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
  type RcFileContent,
} from '@wirepath/core';
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

const nodeConfig = (own: 'a' | 'b', peer: 'a' | 'b', rendezvousUrl?: string): RcFileContent => ({
  privateKey: formatKey(KEYS[own]),
  addresses: [`${IPS[own]}/24`],
  plugins: [
    ['@wirepath/source-host', { loopback: true, interfaces: { include: ['lo*'] } }],
    ['@wirepath/transport-wg', { tun: false }],
    ['@wirepath/signaling-rendezvous', { url: rendezvousUrl }],
  ],
  peers: [{ name: peer, publicKey: createIdentity(KEYS[peer]).publicKey, allowedIps: [`${IPS[peer]}/32`] }],
});

/** @returns what came back through the tunnel, and the type of the path it took. */
export async function echoThroughTunnel(text: string): Promise<{ echo: string; connection: string }> {
  const load = (value: RcFileContent) => loadConfig(product, { value });
  const serverConfig = await load({ server: { rendezvous: { listen: '127.0.0.1:0' } } });
  const [server] = await createServer(product, serverConfig, environment);
  await server?.start({ signal });
  const url = server?.addresses()[0]?.url;

  const a = await createNode(product, await load(nodeConfig('a', 'b', url)), environment);
  const b = await createNode(product, await load(nodeConfig('b', 'a', url)), environment);
  try {
    await Promise.all([a.start({ signal }), b.start({ signal })]);
    const connection = await a.connected('b');
    b.packets?.onPacket((packet) => b.packets?.send(ipv4Packet(IPS.b, IPS.a, payloadOf(packet))));
    const echo = new Promise<string>((resolve) =>
      a.packets?.onPacket((packet) => resolve(payloadOf(packet).toString())),
    );
    a.packets?.send(ipv4Packet(IPS.a, IPS.b, Buffer.from(text)));
    return { echo: await echo, connection };
  } finally {
    await Promise.all([a.stop(), b.stop()]);
    await server?.stop();
  }
}
