import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { TwoNamespaces } from './namespaces.js';

const fixture = fileURLToPath(new URL('./fixtures/datagrams.mjs', import.meta.url));

/** Sends datagrams from a to b. @returns how many arrived, by size in bytes, and how many of them were not as they were sent. */
export async function sendDatagrams(
  lab: TwoNamespaces,
  to: string,
  way: string,
): Promise<{ sizes: Record<string, number>; broken: number }> {
  const args = (namespace: string, role: string) => [
    'netns',
    'exec',
    namespace,
    process.execPath,
    fixture,
    role,
    to,
    way,
  ];
  const receiver = spawn('ip', args(lab.b, 'receive'), { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    await once(receiver.stderr, 'data');
    const said = text(receiver.stdout);
    lab.in(lab.a, process.execPath, fixture, 'send', to, way);
    return JSON.parse(await said) as { sizes: Record<string, number>; broken: number };
  } finally {
    receiver.kill('SIGKILL');
  }
}
