import { definePlugin, sleep, type Clock, type Logger, type Peer, type PeerChange } from '@wirepath/core/plugin';
import { readFile } from 'node:fs/promises';

/** Peers from a text file, one a line: `NAME PUBLIC-KEY ALLOWED-IP...`. It is read again and again, so that edits count. */
export default definePlugin({
  name: 'peers-file',
  apiVersion: 1,
  options: (z) => z.strictObject({ file: z.string(), pollSeconds: z.number().min(1).default(5) }),
  needs: ['clock', 'files', 'logger'],
  provides: ['peerDiscovery'],
  create: ({ clock, files, logger }, { file, pollSeconds }) => {
    const path = files.resolve(file);
    return { peerDiscovery: { peers: ({ signal }) => follow({ path, pollSeconds, clock, logger, signal }) } };
  },
});

interface FollowOptions {
  readonly path: string;
  readonly pollSeconds: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

async function* follow({ path, pollSeconds, clock, logger, signal }: FollowOptions): AsyncGenerator<PeerChange> {
  const known = new Map<string, string>();
  while (!signal.aborted) {
    const peers = await readPeers(path, logger);
    for (const publicKey of known.keys()) {
      if (peers?.has(publicKey) === false && known.delete(publicKey)) yield { kind: 'remove', publicKey };
    }
    for (const [publicKey, { line, peer }] of peers ?? []) {
      if (signal.aborted) return;
      if (known.get(publicKey) !== line) yield { kind: 'set', peer };
      known.set(publicKey, line);
    }
    await sleep(clock, pollSeconds * 1000, signal);
  }
}

/** @returns by public key; undefined where the file cannot be read, which is no reason to remove anybody. */
async function readPeers(path: string, logger: Logger) {
  try {
    const peers = new Map<string, { line: string; peer: Peer }>();
    for (const line of (await readFile(path, 'utf8')).split('\n')) {
      const [name = '', publicKey = '', ...allowedIps] = line.trim().split(/\s+/);
      if (name === '' || name.startsWith('#')) continue;
      if (/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(publicKey))
        peers.set(publicKey, { line, peer: { name, publicKey, allowedIps, keepaliveSeconds: 25 } });
      else logger.warn('no public key: the line is left out', { path, name });
    }
    return peers;
  } catch (error) {
    logger.warn('cannot read the peers', { path, error });
    return undefined;
  }
}
