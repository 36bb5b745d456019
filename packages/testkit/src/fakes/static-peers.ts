import type { Peer, PeerChange, PeerDiscovery, PublicKey } from '@wirepath/core';
import { Listeners } from '@wirepath/core/plugin';

/** Peers that a program names, and may name anew at any time. */
export class StaticPeers implements PeerDiscovery {
  readonly #peers = new Map<PublicKey, Peer>();
  readonly #changes = new Listeners<PeerChange>();

  constructor(peers: readonly Peer[] = []) {
    for (const peer of peers) this.#peers.set(peer.publicKey, peer);
  }

  set(peer: Peer): void {
    this.#peers.set(peer.publicKey, peer);
    this.#changes.tell({ kind: 'set', peer });
  }

  remove(publicKey: PublicKey): void {
    if (this.#peers.delete(publicKey)) this.#changes.tell({ kind: 'remove', publicKey });
  }

  async *peers({ signal }: { signal: AbortSignal }): AsyncGenerator<PeerChange> {
    const waiting: PeerChange[] = [...this.#peers.values()].map((peer) => ({ kind: 'set', peer }));
    let wake = () => {};
    const onAbort = () => wake();
    const listening = this.#changes.add((change) => {
      waiting.push(change);
      wake();
    });
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        const change = waiting.shift();
        if (change === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else yield change;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      listening[Symbol.dispose]();
    }
  }
}
