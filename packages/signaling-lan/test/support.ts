import { createIdentity, EdgeGuard, silentLogger, type FakeClock, type Identity } from '@wirepath/core';
import { SeededRandom, StaticNode } from '@wirepath/testkit';
import { LanSignaling, type LanNetwork } from '../src/index.js';

/** From the start on, until its sockets are open. */
export const OPENED_MS = 100;

export function identityOf(seed: number): Identity {
  return createIdentity(new SeededRandom(seed).bytes(32));
}

export function nodeWith(peers: readonly Identity[]): StaticNode {
  const node = new StaticNode();
  for (const { publicKey } of peers) node.set({ name: publicKey, publicKey, allowedIps: [], keepaliveSeconds: 25 });
  return node;
}

/** A client on a network, its messages collected. */
export class TestNode {
  readonly received: { from: string; text: string }[] = [];
  readonly available: string[] = [];
  readonly client: LanSignaling;

  constructor(
    readonly identity: Identity,
    peers: readonly Identity[],
    { clock, network, seed }: { clock: FakeClock; network: LanNetwork; seed: number },
  ) {
    const logger = silentLogger();
    this.client = new LanSignaling(
      {
        logger,
        clock,
        guard: EdgeGuard.create('lan', { logger, clock }),
        random: new SeededRandom(seed),
        identity,
        node: { interfaceName: 'wp0', addresses: [], mtu: 1420 },
        ...nodeWith(peers).needs(),
      },
      {},
      network,
    );
    this.client.onMessage(({ from, sealed }) => this.received.push({ from, text: Buffer.from(sealed).toString() }));
    this.client.onAvailable(({ publicKey }) => this.available.push(publicKey));
  }

  start(): Promise<void> {
    return this.client.start({ signal: new AbortController().signal });
  }

  publish(to: Identity, text: string): void {
    this.client.publish(to.publicKey, Buffer.from(text));
  }
}
