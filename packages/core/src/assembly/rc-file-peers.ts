import { isIP } from 'node:net';
import { sameAddress, transportAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { Clock } from '../base/time/clock.js';
import type { PublicKey } from '../base/identity/identity.js';
import type { Logger } from '../base/logging/logger.js';
import { reasonOf } from '../base/errors/reason-of.js';
import type { Outside, ServerAt } from '../contracts/plugin/outside.js';
import type { Peer, PeerChange, PeerDiscovery } from '../contracts/peer-discovery.js';
import { sleep } from '../base/time/sleep.js';
import { samePeer } from '../shell/peers/same-peer.js';
import type { LoadedPeer } from '../rc-file/loaded-peer.js';

export interface RcFilePeersNeeds {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly outside: Pick<Outside, 'resolve'>;
}

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 10_000;

/**
 * The peers of the rc file. Host names in endpoints are resolved here, again and again until they do: until then that peer is
 * not announced, since without an endpoint it would pass for a signalled one.
 */
export class RcFilePeers implements PeerDiscovery {
  #peers: ReadonlyMap<PublicKey, LoadedPeer>;
  readonly #feeds = new Set<Feed>();
  readonly #needs: RcFilePeersNeeds;

  constructor(peers: readonly LoadedPeer[], needs: RcFilePeersNeeds) {
    this.#peers = byKey(peers);
    this.#needs = needs;
  }

  async *peers({ signal }: { signal: AbortSignal }): AsyncGenerator<PeerChange> {
    if (signal.aborted) return;
    const feed = new Feed(this.#needs);
    const onAbort = () => feed.close();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#feeds.add(feed);
    try {
      for (const peer of this.#peers.values()) feed.set(peer);
      for (;;) {
        const change = await feed.next();
        if (change === undefined) return;
        yield change;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#feeds.delete(feed);
      feed.close();
    }
  }

  /**
   * Nothing comes back from a peer: where its endpoint is a name, that may stand for another address by now, and is looked up
   * again. Meanwhile the peer stays where it was. Of several addresses, the next one is tried each time.
   */
  resolveAgain(publicKey: PublicKey): void {
    const peer = this.#peers.get(publicKey);
    if (peer?.endpoint === undefined || isIP(peer.endpoint.host) !== 0) return;
    for (const feed of this.#feeds) feed.set(peer, { again: true });
  }

  /** The rc file was read again: yields what is gone, then what is new or changed. */
  update(peers: readonly LoadedPeer[]): void {
    const before = this.#peers;
    this.#peers = byKey(peers);
    for (const feed of this.#feeds) {
      // Removed first, so that a network may pass from one peer to another.
      for (const key of before.keys()) if (!this.#peers.has(key)) feed.remove(key);
      for (const [key, peer] of this.#peers) {
        const old = before.get(key);
        if (old === undefined || !samePeer(old, peer)) feed.set(peer);
      }
    }
  }
}

/** The changes that one listener has not taken yet, and the names still being resolved for it. */
class Feed {
  #changes: PeerChange[] = [];
  /** How many of them were taken. */
  #taken = 0;
  readonly #resolving = new Map<PublicKey, AbortController>();
  /** Where peers whose endpoints are names were last, and so what is not tried next. */
  readonly #lastAddresses = new Map<PublicKey, TransportAddress>();
  readonly #needs: RcFilePeersNeeds;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(needs: RcFilePeersNeeds) {
    this.#needs = needs;
  }

  /** @param options.again what its name stood for does not answer. */
  set(peer: LoadedPeer, { again = false } = {}): void {
    this.#cancelResolving(peer.publicKey);
    const { endpoint, ...rest } = peer;
    if (endpoint === undefined) this.#push({ kind: 'set', peer: rest });
    else if (isIP(endpoint.host) !== 0)
      this.#push({ kind: 'set', peer: withEndpoint(rest, endpoint.host, endpoint.port) });
    else {
      const controller = new AbortController();
      this.#resolving.set(peer.publicKey, controller);
      void this.#resolve(rest, endpoint, { again, signal: controller.signal });
    }
  }

  remove(publicKey: PublicKey): void {
    this.#cancelResolving(publicKey);
    this.#lastAddresses.delete(publicKey);
    this.#push({ kind: 'remove', publicKey });
  }

  async next(): Promise<PeerChange | undefined> {
    while (this.#taken === this.#changes.length && !this.#closed) {
      this.#changes = [];
      this.#taken = 0;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#closed ? undefined : this.#changes[this.#taken++];
  }

  close(): void {
    this.#closed = true;
    for (const key of [...this.#resolving.keys()]) this.#cancelResolving(key);
    this.#wake?.();
  }

  async #resolve(
    peer: Omit<Peer, 'endpoint'>,
    server: ServerAt,
    { again, signal }: { again: boolean; signal: AbortSignal },
  ): Promise<void> {
    const { clock, logger, outside } = this.#needs;
    const { publicKey } = peer;
    for (let retryMs = FIRST_RETRY_MS; !signal.aborted; retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)) {
      try {
        const addresses = await outside.resolve(server, { signal, again });
        const endpoint = nextOf(addresses, again ? this.#lastAddresses.get(publicKey) : undefined);
        if (signal.aborted) return;
        this.#resolving.delete(publicKey);
        this.#lastAddresses.set(publicKey, endpoint);
        return this.#push({ kind: 'set', peer: { ...peer, endpoint } });
      } catch (error) {
        if (signal.aborted) return;
        const reason = reasonOf(error);
        logger.debug(`cannot resolve the endpoint of ${peer.name}, trying again`, {
          host: server.host,
          retryMs,
          reason,
        });
        await sleep(clock, retryMs, signal);
      }
    }
  }

  #push(change: PeerChange): void {
    this.#changes.push(change);
    this.#wake?.();
  }

  #cancelResolving(publicKey: PublicKey): void {
    this.#resolving.get(publicKey)?.abort();
    this.#resolving.delete(publicKey);
  }
}

/** The one after `last`, where it is among them; else the first, which is IPv4 where there is any. @throws RangeError where there is none. */
function nextOf(addresses: readonly TransportAddress[], last: TransportAddress | undefined): TransportAddress {
  // Of one family: whether there is a socket of the other, nobody has said.
  const alike = addresses.filter(({ family }) => family === addresses[0]?.family);
  const at = last === undefined ? -1 : alike.findIndex((address) => sameAddress(address, last));
  const next = alike[(at + 1) % alike.length];
  if (next === undefined) throw new RangeError('the name has no address');
  return next;
}

function withEndpoint(peer: Omit<Peer, 'endpoint'>, host: string, port: number): Peer {
  return { ...peer, endpoint: transportAddress(host, port) };
}

function byKey(peers: readonly LoadedPeer[]): ReadonlyMap<PublicKey, LoadedPeer> {
  return new Map(peers.map((peer) => [peer.publicKey, peer]));
}
