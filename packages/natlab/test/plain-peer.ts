import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newKeyPair, Ping, poll, type Lab, type WirepathNode } from '../src/index.js';

/** Of the plain peer. */
export const TUNNEL_ADDRESS = '10.77.0.2';

/** A wireguard-go device on host b, with the `wg` of everybody. */
export class PlainPeer {
  readonly keys = newKeyPair();
  readonly interfaceName: string;

  constructor(private readonly lab: Lab) {
    this.interfaceName = lab.interfaceName('b');
  }

  async start(peer: WirepathNode): Promise<void> {
    const { lab, interfaceName } = this;
    lab.spawn('b', 'wireguard-go', ['wireguard-go', '-f', interfaceName]);
    const socket = `/var/run/wireguard/${interfaceName}.sock`;
    await poll(() => (existsSync(socket) ? true : undefined), { what: socket, timeoutMs: 5000 });
    const keyFile = join(lab.folder, 'plain.key');
    await writeFile(keyFile, this.keys.privateKey, { mode: 0o600 });
    await this.set(
      'private-key',
      keyFile,
      'listen-port',
      '51820',
      'peer',
      peer.keys.publicKey,
      'allowed-ips',
      '10.77.0.1/32',
    );
    const commands = [`addr add ${TUNNEL_ADDRESS}/24 dev ${interfaceName}`, `link set ${interfaceName} up`];
    await lab.exec('b', ['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
  }

  async set(...args: readonly string[]): Promise<void> {
    await this.lab.exec('b', ['wg', 'set', this.interfaceName, ...args]);
  }
}

/** A ping through the tunnel is answered, sooner or later. */
export async function echo(lab: Lab, host: string, address: string): Promise<void> {
  const ping = Ping.start(lab, host, address);
  await ping.firstReply();
  await ping.stop();
}
