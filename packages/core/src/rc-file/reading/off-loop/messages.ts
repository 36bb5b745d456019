import type { MessagePort } from 'node:worker_threads';
import type { LoadedPeer } from '../../loaded-peer.js';
import type { ProductFacts } from '../../product-facts.js';
import type { EnvironmentVariables, ReadConfig } from '../read-config.js';
import type { ConfigSource } from '../config-source.js';

/** What the thread is started with. */
export interface ReadOrder {
  readonly product: ProductFacts;
  readonly source: ConfigSource;
  readonly env: EnvironmentVariables;
  /** Takes the peers, some at a time: {@link PEERS_PER_MESSAGE}. */
  readonly peers: MessagePort;
}

/** Few enough to be taken in a millisecond. */
export const PEERS_PER_MESSAGE = 250;
export type PeersMessage = readonly LoadedPeer[];

/** What the thread answers, once the peers have been sent. */
export type ReadAnswer =
  /** Its list of peers is empty: they went the other way. */
  | { readonly read: ReadConfig }
  /** Something in the file cannot be told to another thread, such as a function: it has to be read where it is used. */
  | { readonly untellable: true };
