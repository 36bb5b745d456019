import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { deepFreeze } from '../../deep-freeze.js';
import type { LoadedPeer } from '../../loaded-peer.js';
import type { ProductFacts } from '../../product-facts.js';
import { readConfig, type ReadConfig, type ReadConfigOptions } from '../read-config.js';
import type { PeersMessage, ReadAnswer, ReadOrder } from './messages.js';
import { isPlainData, type ConfigSource } from '../config-source.js';

/**
 * As {@link readConfig}, in a thread of its own, so that packets do not wait for a file of thousands of peers. Where there can
 * be no such thread, or the file holds what cannot be told between threads, it is read here.
 */
export async function readConfigOffLoop(
  product: ProductFacts,
  source: ConfigSource,
  options: ReadConfigOptions,
): Promise<ReadConfig> {
  const thread = threadFile();
  const { name, environmentPrefix, defaultPlugins } = product;
  if (thread === undefined || !isPlainData([source.given?.value, defaultPlugins]))
    return readConfig(product, source, options);
  const { port1: peersPort, port2 } = new MessageChannel();
  const facts = { name, environmentPrefix, defaultPlugins };
  const order: ReadOrder = { product: facts, source, env: { ...options.env }, peers: port2 };
  const worker = new Worker(thread, { workerData: order, transferList: [port2], execArgv: [] });
  try {
    const answer = await options.phases.wait(source.name, 'import', () => answerOf(worker));
    if ('untellable' in answer) return await readConfig(product, source, options);
    const peers = await takePeers(peersPort);
    const { read } = answer;
    const { content } = read;
    return content?.node === undefined ? read : { ...read, content: { ...content, node: { ...content.node, peers } } };
  } finally {
    peersPort.close();
    await worker.terminate();
  }
}

function answerOf(worker: Worker): Promise<ReadAnswer> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread that reads the configuration ended (${code})`)));
  });
}

/** All have been sent; they are taken some at a time, and whatever else is to be done is done in between. */
async function takePeers(port: MessagePort): Promise<LoadedPeer[]> {
  const peers: LoadedPeer[] = [];
  for (;;) {
    const received = receiveMessageOnPort(port) as { readonly message: PeersMessage } | undefined;
    if (received === undefined) return deepFreezeList(peers);
    for (const peer of received.message) peers.push(deepFreeze(peer));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Its items are frozen. */
function deepFreezeList(peers: LoadedPeer[]): LoadedPeer[] {
  return Object.freeze(peers) as LoadedPeer[];
}

/**
 * The thread's code, from the installed package: a bundle that this code is part of does not hold it, for a thread reads a
 * file of its own. Undefined where that package is not there.
 */
function threadFile(): string | undefined {
  try {
    const core = createRequire(import.meta.url).resolve('@wirepath/core');
    const file = fileURLToPath(new URL('./rc-file/reading/off-loop/thread.js', pathToFileURL(core)));
    return existsSync(file) ? file : undefined;
  } catch {
    // Not resolvable: a vendor has bundled it all.
    return undefined;
  }
}
