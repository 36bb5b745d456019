import { EdgeGuard, NatTraversal, createIdentity, type CandidateSource, type PublicKey } from '@wirepath/core';
import { transportAddress } from '@wirepath/core/plugin';
import {
  FakeClock,
  MemorySignalingHub,
  MemoryTransport,
  SeededRandom,
  VirtualNetwork,
  silentLogger,
} from '../src/index.js';

const SETTINGS = {
  enabled: true,
  holePunchTimeoutMs: 15_000,
  refreshIntervalMs: 60_000,
  maxCandidatePairs: 10,
  hardNat: true,
  upgradeTimeoutMs: 5000,
};

/** Two nodes on the virtual internet, through the real orchestrator; time moves only when told to. */
export async function twoNodes(extraSource?: CandidateSource) {
  const clock = new FakeClock();
  const network = new VirtualNetwork({ clock });
  const hub = new MemorySignalingHub({ clock, latencyMs: 5 });
  const { signal } = new AbortController();
  const identities = [1, 2].map((seed) => createIdentity(new SeededRandom(seed).bytes(32)));
  const nodes = await Promise.all(
    identities.map(async (identity, index) => {
      const ip = `192.0.2.${index + 1}`;
      const random = new SeededRandom(index + 10);
      const host = network.host({ ips: [ip] });
      const transport = new MemoryTransport({ publicKey: identity.publicKey, host, clock, random });
      await transport.listen({ signal });
      const source: CandidateSource = {
        async *gather() {
          yield { type: 'host', address: transportAddress(ip, transport.listenPort ?? 0) };
        },
      };
      const sources: { plugin: string; instance: CandidateSource }[] = [{ plugin: 'host', instance: source }];
      if (extraSource !== undefined) sources.unshift({ plugin: 'extra', instance: extraSource });
      const traversal = new NatTraversal({
        identity,
        transport,
        candidateSources: sources,
        relays: [],
        signalings: [{ plugin: 'hub', instance: hub.client(identity.publicKey) }],
        settings: SETTINGS,
        addresses: [`10.77.0.${index + 1}/24`],
        clock,
        random,
        logger: silentLogger(),
        guard: EdgeGuard.create('test', { logger: silentLogger(), clock }),
      });
      return { identity, transport, sources, traversal };
    }),
  );
  const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const knows = (one: typeof a, publicKey: PublicKey, allowedIp: string) =>
    one.traversal.setPeer({ name: 'peer', publicKey, allowedIps: [allowedIp], keepaliveSeconds: 25 });
  return {
    clock,
    network,
    a,
    b,
    async start() {
      for (const node of nodes) await node.traversal.start({ signal });
      knows(a, b.identity.publicKey, '10.77.0.2/32');
      knows(b, a.identity.publicKey, '10.77.0.1/32');
    },
    async stop() {
      for (const node of nodes) {
        await node.traversal.stop();
        await node.transport.stop();
      }
    },
  };
}

/** Lets time pass until the promise is settled. */
export async function during<T>(clock: FakeClock, promise: Promise<T>, limitMs = 60_000): Promise<T> {
  let done = false;
  void promise.then(
    () => (done = true),
    () => (done = true),
  );
  for (let passed = 0; !done && passed < limitMs; passed += 5) await clock.advance(5);
  return promise;
}
