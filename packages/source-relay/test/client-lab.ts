import type { Allocation } from '@wirepath/core/plugin';
import { TurnRelay, type TurnServerOptions } from '../src/index.js';
import { MemoryDatagrams } from './memory-network.js';
import { testNeeds } from './needs.js';
import { at } from './raw-client.js';
import { turnLab } from './turn-lab.js';

export const CLIENT = at('192.0.2.1', 51820);
const { signal } = new AbortController();

/** The TURN client against the embedded server, both in virtual time on a network in memory. */
export async function clientLab(options: Parameters<typeof turnLab>[0] & { server?: Partial<TurnServerOptions> } = {}) {
  const lab = await turnLab(options);
  const datagrams = await MemoryDatagrams.open(lab.network, CLIENT);
  const needs = testNeeds({ clock: lab.clock, ...(options.files && { files: options.files }) });
  const url = 'turn:203.0.113.10:3478';
  const relay = new TurnRelay(needs, { servers: [{ url, username: 'lab', credential: 'secret', ...options.server }] });
  return {
    ...lab,
    datagrams,
    clientNeeds: needs,
    relay,
    /** Runs virtual time until the work is done. */
    async during<T>(work: Promise<T>, stepMs = 50): Promise<T> {
      let done = false;
      const finished = work.finally(() => (done = true));
      finished.catch(() => undefined);
      while (!done) await lab.clock.advance(stepMs);
      return finished;
    },
    allocate(): Promise<Allocation> {
      return this.during(relay.allocate(relay.servers[0]!, { datagrams, signal }));
    },
  };
}
