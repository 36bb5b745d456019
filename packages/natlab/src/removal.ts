import { spawn } from 'node:child_process';
import { labPrefix, namesFolder, uapiSocketPrefix } from './lab-names.js';
import { runProgram } from './run-program.js';

/**
 * Ends every process in the lab's namespaces, removes these, its folder, what `ip netns exec` lays over /etc there, and the
 * sockets in WireGuard's folder, which all namespaces share.
 */
function removalScript(id: string, folder: string): string {
  return `
names=$(ip netns list | sed -n 's/^\\(${labPrefix(id)}[^ ]*\\).*/\\1/p')
for name in $names; do
  pids=$(ip netns pids "$name")
  if [ -n "$pids" ]; then kill -9 $pids; fi
done
for name in $names; do ip netns del "$name"; done
rm -f ${uapiSocketPrefix(id)}*.sock
rm -rf '${folder}' ${namesFolder(labPrefix(id))}*
`;
}

export async function removeLab(id: string, folder: string): Promise<void> {
  await runProgram(['sh'], { input: removalScript(id, folder) });
}

/**
 * A process of its own that removes the lab as soon as this one lets go of it or ends, in whatever way: after Ctrl-C, a
 * crash or SIGKILL nothing is left.
 * @returns removes the lab.
 */
export function removeWithThisProcess(id: string, folder: string): () => Promise<void> {
  const guard = spawn('sh', ['-c', `cat >/dev/null\n${removalScript(id, folder)}`], {
    // A session of its own: Ctrl-C in the terminal must not end the guard before it has done its work.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise<void>((resolve, reject) => {
    guard.once('error', reject);
    guard.once('exit', () => resolve());
  });
  // Whoever removes the lab hears of it; until then nobody listens.
  ended.catch(() => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  return async () => {
    guard.ref();
    guard.stdin.end();
    await ended;
  };
}
