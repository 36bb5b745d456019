import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { TwoNamespaces } from './namespaces.js';

const fixture = fileURLToPath(new URL('./fixtures/transfer.mjs', import.meta.url));

/** Of one connection. */
export interface End {
  /** Of who dialled. */
  readonly port: number;
  /** Hashes. */
  readonly sent: string;
  readonly received: string;
  readonly receivedBytes: number;
}

export interface Transfer {
  /** The connections of who dialled, and those of who served, in the same order; once all have ended. @throws Error when one is lost. */
  readonly ends: Promise<[End[], End[]]>;
  /** Not waiting for its end. */
  kill(): void;
}

/**
 * TCP from a to b with random bytes in both directions at once.
 * @param amount bytes each way, or `40s`.
 */
export async function startTransfer(
  lab: TwoNamespaces,
  to: string,
  amount: number | `${number}s`,
  connections = 1,
): Promise<Transfer> {
  const run = (namespace: string, role: string) => {
    const args = ['netns', 'exec', namespace, process.execPath, fixture, role, to, String(amount), String(connections)];
    const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const words = text(child.stderr);
    const ends = Promise.all([text(child.stdout), once(child, 'exit')]).then(async ([said, [code]]) => {
      if (code !== 0) throw new Error(`${role} ended with ${String(code)}: ${await words}`);
      return said
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as End)
        .sort((x, y) => x.port - y.port);
    });
    ends.catch(() => undefined); // Whoever waits for both is told.
    return { child, ends };
  };
  const server = run(lab.b, 'serve');
  await once(server.child.stderr, 'data');
  const dialler = run(lab.a, 'dial');
  const ends = Promise.all([dialler.ends, server.ends]);
  ends.catch(() => undefined);
  return {
    ends,
    kill() {
      for (const { child } of [server, dialler]) child.kill('SIGKILL');
    },
  };
}

/** What was sent at one end and what was received at the other, of each connection. */
export function crossed([dialled, served]: [End[], End[]]) {
  return {
    sent: [...dialled, ...served].map(({ port, sent }) => ({ port, hash: sent })),
    received: [...served, ...dialled].map(({ port, received }) => ({ port, hash: received })),
    receivedBytes: [...dialled, ...served].map(({ receivedBytes }) => receivedBytes),
  };
}
