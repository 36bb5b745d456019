import { writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { newKeyPair, poll, type KeyPair, type PreparedPair, type WirepathNode } from '../src/index.js';

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
} as const;

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
  await ipBatch(pair, own, [
    ...bridge(own),
    `link set ${name} mtu 1340 up`,
    `route add ${overlayAddress(other)} dev ${name} src ${overlayAddress(own)}`,
  ]);
}

async function ipBatch({ lab }: PreparedPair, { host }: WirepathNode, commands: readonly string[]): Promise<void> {
  await lab.exec(host, ['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

async function untilCarrying({ lab, b }: PreparedPair): Promise<void> {
  const ping = ['ping', '-n', '-c', '1', '-W', '1', overlayAddress(b)];
  const look = async () => ((await lab.tryExec('a', ping)).code === 0 ? true : undefined);
  await poll(look, { what: 'an echo through the overlay', timeoutMs: 15_000 });
}
