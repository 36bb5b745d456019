import { writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newKeyPair, poll, type KeyPair, type PreparedPair, type WirepathNode } from '../src/index.js';

const STREAM_PROGRAM = fileURLToPath(new URL('overlay-stream.mjs', import.meta.url));

/** Its addresses are 192.168.77.NUMBER, as those in the tunnel are 10.77.0.NUMBER. */
export function overlayAddress(node: WirepathNode): string {
  return node.address.replace('10.77.0', '192.168.77');
}

/**
 * Networks that people run over a tunnel, between both nodes of a pair; each resolves when it carries packets. All have their
 * addresses on a bridge, as hosts of containers and virtual machines do: no kind of interface tells what it is.
 */
export const overlays = {
  /** Ethernet in UDP: what is in it is plain. */
  'vxlan in a bridge': async (pair: PreparedPair) => {
    const { a, b } = pair;
    await Promise.all([ipBatch(pair, a, vxlan(a, b)), ipBatch(pair, b, vxlan(b, a))]);
    await untilCarrying(pair);
  },
  /** Encrypted, and padded to blocks. */
  'another WireGuard': async (pair: PreparedPair) => {
    const { a, b } = pair;
    const keys = { a: newKeyPair(), b: newKeyPair() };
    await Promise.all([startWireGuard(pair, a, keys.a, b, keys.b), startWireGuard(pair, b, keys.b, a, keys.a)]);
    await untilCarrying(pair);
  },
  /** Packets in an encrypted stream over TCP, as VPNs in user space send them where UDP is blocked, and SSH does. */
  'an encrypted stream': async (pair: PreparedPair) => {
    const { a, b } = pair;
    const name = (node: WirepathNode) => `${node.interfaceName}s`;
    const start = (node: WirepathNode, ...args: readonly string[]) =>
      pair.lab.spawn(node.host, `overlay-stream-${node.name}`, [process.execPath, STREAM_PROGRAM, name(node), ...args]);
    await start(b, 'listen', b.address).logged(/ready/);
    await start(a, 'connect', b.address).logged(/ready/);
    await Promise.all([
      ipBatch(pair, a, [...bridge(a), ...routed(a, b, name(a))]),
      ipBatch(pair, b, [...bridge(b), ...routed(b, a, name(b))]),
    ]);
    await untilCarrying(pair);
  },
} as const;

/** A route of a's to an address of b's that leads through the overlay from now on. */
export async function reachThrough(pair: PreparedPair, kind: OverlayKind, ip: string): Promise<void> {
  const { a, b } = pair;
  const via = {
    'vxlan in a bridge': `via ${overlayAddress(b)} dev lab0 onlink`,
    'another WireGuard': `dev ${a.interfaceName}x`,
    'an encrypted stream': `dev ${a.interfaceName}s`,
  }[kind];
  if (kind === 'another WireGuard') {
    const device = `${a.interfaceName}x`;
    const peer = (await pair.lab.exec('a', ['wg', 'show', device, 'peers'])).trim();
    await pair.lab.exec('a', ['wg', 'set', device, 'peer', peer, 'allowed-ips', `${overlayAddress(b)}/32,${ip}/32`]);
  }
  await ipBatch(pair, a, [`route add ${ip}/32 ${via} src ${overlayAddress(a)}`]);
}

export type OverlayKind = keyof typeof overlays;

function bridge(own: WirepathNode): string[] {
  return ['link add lab0 type bridge', `addr add ${overlayAddress(own)}/32 dev lab0`, 'link set lab0 up'];
}

function vxlan(own: WirepathNode, other: WirepathNode): string[] {
  return [
    ...bridge(own),
    `link add vx0 type vxlan id 7 local ${own.address} remote ${other.address} dstport 4789 dev ${own.interfaceName}`,
    'link set vx0 master lab0 up',
    `route add ${overlayAddress(other)} dev lab0`,
  ];
}

async function startWireGuard(
  pair: PreparedPair,
  own: WirepathNode,
  keys: KeyPair,
  other: WirepathNode,
  otherKeys: KeyPair,
): Promise<void> {
  const { lab } = pair;
  // The folder of its sockets is the machine's.
  const name = `${own.interfaceName}x`;
  lab.spawn(own.host, `wireguard-go-${own.name}`, ['wireguard-go', '-f', name]);
  await poll(() => (existsSync(`/var/run/wireguard/${name}.sock`) ? true : undefined), {
    what: name,
    timeoutMs: 5000,
  });
  const keyFile = join(lab.folder, `${name}.key`);
  await writeFile(keyFile, keys.privateKey, { mode: 0o600 });
  const peer = ['peer', otherKeys.publicKey, 'allowed-ips', `${overlayAddress(other)}/32`];
  const endpoint = ['endpoint', `${other.address}:51900`];
  await lab.exec(own.host, [
    'wg',
    ...['set', name, 'private-key', keyFile, 'listen-port', '51900'],
    ...peer,
    ...endpoint,
  ]);
  await ipBatch(pair, own, [...bridge(own), ...routed(own, other, name)]);
}

function routed(own: WirepathNode, other: WirepathNode, device: string): string[] {
  return [
    `link set ${device} mtu 1320 up`,
    `route add ${overlayAddress(other)} dev ${device} src ${overlayAddress(own)}`,
  ];
}

async function ipBatch({ lab }: PreparedPair, { host }: WirepathNode, commands: readonly string[]): Promise<void> {
  await lab.exec(host, ['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

async function untilCarrying({ lab, b }: PreparedPair): Promise<void> {
  const ping = ['ping', '-n', '-c', '1', '-W', '1', overlayAddress(b)];
  const look = async () => ((await lab.tryExec('a', ping)).code === 0 ? true : undefined);
  await poll(look, { what: 'an echo through the overlay', timeoutMs: 15_000 });
}
