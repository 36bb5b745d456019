import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { figure, table } from './table.mjs';

/** Time in which nothing of the program ran. */
const NOT_WORK = new Set(['(idle)', '(root)']);

const FUNCTIONS = 25;

/**
 * @param folder of a process that has ended under `--cpu-prof`.
 * @param seconds at its end that count, so that starting does not.
 * @returns the functions with the most time of their own, and its share of the busy time.
 */
export async function topFunctions(folder, seconds) {
  const [name] = (await readdir(folder)).filter((file) => file.endsWith('.cpuprofile'));
  if (name === undefined) throw new Error('the process under the profiler left no profile');
  const { nodes, samples, timeDeltas, startTime, endTime } = JSON.parse(await readFile(join(folder, name), 'utf8'));
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const selfMicroseconds = new Map();
  let busy = 0;
  let at = startTime;
  for (const [i, id] of samples.entries()) {
    at += timeDeltas[i];
    if (at < endTime - seconds * 1e6) continue;
    const { functionName, url, lineNumber } = frames.get(id);
    if (NOT_WORK.has(functionName)) continue;
    const where = url === '' ? '' : ` ${basename(url)}:${lineNumber + 1}`;
    const key = `${functionName || '(anonymous)'}${where}`;
    busy += timeDeltas[i];
    selfMicroseconds.set(key, (selfMicroseconds.get(key) ?? 0) + timeDeltas[i]);
  }
  const sorted = [...selfMicroseconds].sort(([, a], [, b]) => b - a).slice(0, FUNCTIONS);
  return sorted.map(([what, micros]) => ({ function: what, selfMs: micros / 1000, share: micros / busy }));
}

export function profileTable(functions) {
  const rows = functions.map(({ function: name, selfMs, share }) => [name, selfMs, `${figure(share * 100)} %`]);
  return table([['function', 'own ms', 'of busy time'], ...rows]);
}
