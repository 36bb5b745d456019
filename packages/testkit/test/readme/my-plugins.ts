/** What the README's examples verify: the kit's own fakes, in the part of somebody's plugins. */
import {
  definePlugin,
  transportAddress,
  type CandidateSource,
  type NodeEvents,
  type PluginService,
} from '@wirepath/core';

export {
  MemoryRelay as MyRelay,
  MemorySignalingHub as MyBroker,
  MemoryTransport as MyTransport,
  StaticEgress as MyEgress,
  StaticPeers as MyRegistry,
} from '../../src/index.js';

export const KEY_A = Buffer.alloc(32, 1).toString('base64');
export const KEY_B = Buffer.alloc(32, 2).toString('base64');

export class MySource implements CandidateSource {
  async *gather({ signal }: { signal: AbortSignal }) {
    if (!signal.aborted) yield { type: 'host' as const, address: transportAddress('192.0.2.1', 51_820) };
  }
}

/** Keeps a board of who is connected. */
export class MyBoard implements PluginService {
  readonly connected = new Set<string>();
  #listening: Disposable | undefined;

  constructor(readonly needs: { readonly events: NodeEvents }) {}

  async start({ signal }: { signal: AbortSignal }) {
    if (signal.aborted) return;
    this.#listening = this.needs.events.on(({ name, connection }) => {
      if (connection === 'direct') this.connected.add(name);
      else this.connected.delete(name);
    });
  }

  async stop() {
    this.#listening?.[Symbol.dispose]();
  }
}

export const myPlugin = definePlugin({
  name: 'my-source',
  apiVersion: 1,
  options: (z) => z.strictObject({ ip: z.string() }),
  needs: [],
  provides: ['candidateSource'],
  create: () => ({ candidateSource: new MySource() }),
});
