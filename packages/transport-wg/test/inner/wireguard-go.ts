import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatKey, generatePrivateKey, publicKeyOf } from '../../src/protocol/keys.js';
import { until } from '../protocol/until.js';
import type { TwoNamespaces } from './namespaces.js';

/** Debian's, in one of two namespaces. */
export function startWireguardGo(lab: TwoNamespaces, namespace: string, name: string) {
  const privateKey = generatePrivateKey();
  const folder = mkdtempSync(join(tmpdir(), 'wirepath-wireguard-go-'));
  const child = spawn('ip', ['netns', 'exec', namespace, 'wireguard-go', '-f', name], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  return {
    publicKey: formatKey(publicKeyOf(privateKey)),

    async configure(
      port: number,
      address: string,
      peer: { publicKey: string; allowedIps: string; endpoint: string },
    ): Promise<void> {
      await until(() => existsSync(`/var/run/wireguard/${name}.sock`));
      const file = join(folder, 'conf');
      const lines = [
        ...['[Interface]', `PrivateKey = ${formatKey(privateKey)}`, `ListenPort = ${port}`, '[Peer]'],
        ...[`PublicKey = ${peer.publicKey}`, `AllowedIPs = ${peer.allowedIps}`, `Endpoint = ${peer.endpoint}`],
      ];
      writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
      lab.in(namespace, 'wg', 'setconf', name, file);
      lab.in(namespace, 'ip', 'address', 'add', address, 'dev', name, ...(address.includes(':') ? ['nodad'] : []));
      lab.in(namespace, 'ip', 'link', 'set', name, 'mtu', '1420', 'up');
    },

    async stop(): Promise<void> {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
