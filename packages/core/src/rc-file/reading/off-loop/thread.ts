import { parentPort, workerData } from 'node:worker_threads';
import { PluginPhases } from '../../../base/guard/plugin-phases.js';
import { readConfig } from '../read-config.js';
import { PEERS_PER_MESSAGE, type ReadAnswer, type ReadOrder } from './messages.js';

/** The thread of its own in which {@link readConfigOffLoop} has an rc file read. */
async function main(): Promise<void> {
  const { product, source, env, peers: port } = workerData as ReadOrder;
  const read = await readConfig(product, source, { env, phases: new PluginPhases() });
  const { content } = read;
  const peers = content?.node?.peers ?? [];
  for (let at = 0; at < peers.length; at += PEERS_PER_MESSAGE)
    port.postMessage(peers.slice(at, at + PEERS_PER_MESSAGE));
  const node = content?.node && { ...content.node, peers: [] };
  answer({ read: { ...read, content: content && { ...content, node } } });
}

function answer(message: ReadAnswer): void {
  try {
    parentPort?.postMessage(message);
  } catch (error) {
    if ((error as Error).name !== 'DataCloneError') throw error;
    parentPort?.postMessage({ untellable: true } satisfies ReadAnswer);
  }
}

void main();
