import type { Guard } from '../../base/guard/guard.js';
import type { PublicKey } from '../../base/identity/identity.js';
import type { LiveStatus, NodeEvents, NodePeers } from '../../contracts/plugin/node-view.js';
import type { Peer } from '../../contracts/peer-discovery.js';
import type { PeerStatus, StatusDocument } from '../../contracts/status/status-document.js';

/** What of a node its own plugins may look at. */
export interface ViewedNode {
  status(): StatusDocument;
  peers(): readonly Peer[];
  peerStatus(publicKey: PublicKey): PeerStatus | undefined;
  onChange(listener: (peer: PublicKey | undefined) => void): Disposable;
}

/** The node as plugins see it: they are created before it is, and may look from `start` on. */
export class NodeView {
  #node: ViewedNode | undefined;

  use(node: ViewedNode): void {
    this.#node = node;
  }

  /** @param guard the plugin's: what its listeners throw is counted under its name. */
  status(guard: Guard): LiveStatus {
    return {
      document: () => this.#viewed().status(),
      onChange: (listener) => this.#viewed().onChange(() => void guard.run('listener of status', listener)),
    };
  }

  peers(): NodePeers {
    return {
      list: () =>
        this.#viewed()
          .peers()
          .map(({ presharedKey: _secret, ...known }) => known),
      status: (publicKey) => this.#viewed().peerStatus(publicKey),
    };
  }

  events(guard: Guard): NodeEvents {
    return {
      on: (listener) => {
        const node = this.#viewed();
        const known = new Map(node.peers().map(({ publicKey }) => [publicKey, node.peerStatus(publicKey)]));
        return node.onChange((publicKey) => {
          if (publicKey === undefined) return;
          const [before, now] = [known.get(publicKey), node.peerStatus(publicKey)];
          if (now === undefined) known.delete(publicKey);
          else known.set(publicKey, now);
          const name = now?.name ?? before?.name;
          if (name === undefined || before?.connection === now?.connection) return;
          const event = { name, publicKey, before: before?.connection, connection: now?.connection };
          guard.run('listener of events', () => listener(event));
        });
      },
    };
  }

  #viewed(): ViewedNode {
    if (this.#node === undefined) throw new Error('there is no node yet: it can be asked from `start` on');
    return this.#node;
  }
}
