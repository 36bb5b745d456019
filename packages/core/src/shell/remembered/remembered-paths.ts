import type { TransportAddress } from '@wirepath/stun-codec';
import { reasonOf } from '../../base/errors/reason-of.js';
import type { Guard } from '../../base/guard/guard.js';
import type { Identity, PublicKey } from '../../base/identity/identity.js';
import type { Logger } from '../../base/logging/logger.js';
import type { Clock, RandomSource } from '../../base/time/clock.js';
import type { Signaling } from '../../contracts/signaling.js';
import type { Transport } from '../../contracts/transport.js';
import type { PairsView, PeerView } from '../../engine/peer/peer-view.js';
import { RecallSignaling } from './recall-signaling.js';
import { MAX_STATE_BYTES, RememberedPeers } from './remembered-peers.js';
import { isDenied, readState, writeState } from './state-file.js';

/** What is known of the peers. */
export interface KnownPaths {
  peers(): readonly { readonly publicKey: PublicKey }[];
  view(peer: PublicKey): Pick<PeerView, 'connection'> | undefined;
  pairsView(peer: PublicKey): PairsView | undefined;
  onChange(listener: (peer: PublicKey) => void): Disposable;
  /** A peer was heard from there. */
  heardFrom(peer: PublicKey, address: TransportAddress): void;
}

export interface RememberedPathsNeeds {
  /** Absolute path of the file. */
  readonly path: string;
  /** Somebody named the folder; otherwise it is the usual one, which may not be ours to write to. */
  readonly isPlaceGiven: boolean;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly transport: Pick<Transport, 'datagrams' | 'listenPort'>;
  /** Of the other ways to signal. */
  readonly signalings: readonly Signaling[];
  readonly traversal: () => KnownPaths;
}

/** Between a change and its being written: what changes together is written once. */
const SETTLE_MS = 1000;

/** Keeps where the peers are in a file, and calls them there after a restart: for when every server is dead. */
export class RememberedPaths {
  readonly signaling: RecallSignaling;
  readonly #needs: RememberedPathsNeeds;
  readonly #remembered: RememberedPeers;
  readonly #changed = new Set<PublicKey>();
  #following: Disposable | undefined;
  /** Gone when the transport has stopped. */
  #ownPort: number | undefined;
  #timer: Disposable | undefined;
  #writing: Promise<void> = Promise.resolve();
  #problem: string | undefined;

  constructor(needs: RememberedPathsNeeds) {
    this.#needs = needs;
    this.#remembered = new RememberedPeers(needs.identity.publicKey);
    this.signaling = new RecallSignaling({
      ...needs,
      remembered: this.#remembered,
      datagrams: () => needs.transport.datagrams,
      isConnected: (peer) => this.#isConnected(peer),
      othersUp: () => needs.signalings.some((signaling) => signaling.states().some(({ state }) => state === 'up')),
    });
    this.signaling.onFound(({ peer, address }) => needs.traversal().heardFrom(peer, address));
  }

  /** The port to have again, where any will do. */
  get listenPort(): number | undefined {
    return this.#remembered.listenPort;
  }

  /** Before the transport listens. What is not believed is left alone, with a sentence, and written over later. */
  async load(): Promise<void> {
    const { path, clock } = this.#needs;
    const reading = await readState(path, MAX_STATE_BYTES);
    if ('problem' in reading) {
      // What is not ours to read is not ours to write: that is said when there is something to be kept.
      if (this.#needs.isPlaceGiven || reading.isDenied !== true) this.#ignore(reading.problem);
    }
    if ('text' in reading && !this.#remembered.decode(reading.text, clock.unixMs())) this.#ignore(`${path} is damaged`);
  }

  /** From the traversal's start on. */
  follow(): void {
    this.#ownPort = this.#needs.transport.listenPort;
    this.#following = this.#needs.traversal().onChange((peer) => {
      this.#changed.add(peer);
      this.#timer ??= this.#needs.clock.setTimeout(() => {
        this.#timer = undefined;
        this.#save();
      }, SETTLE_MS);
    });
  }

  /** What has changed is written. */
  async stop(): Promise<void> {
    this.#following?.[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#save();
    await this.#writing;
  }

  /** Datagrams dropped, by reason. */
  counters(): Record<string, number> {
    return this.signaling.counters.snapshot();
  }

  problems(): string[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  #ignore(problem: string): void {
    this.#needs.logger.warn('where the peers were last is not known', { reason: problem });
    this.#problem = `where the peers were last is not known, so that they are found through servers only: ${problem}`;
  }

  #isConnected(peer: PublicKey): boolean {
    const connection = this.#needs.traversal().view(peer)?.connection;
    return connection === 'direct' || connection === 'hole-punched' || connection === 'relayed';
  }

  #save(): void {
    const { traversal, clock, path, isPlaceGiven, logger } = this.#needs;
    let isNews = false;
    const known = new Set(
      traversal()
        .peers()
        .map(({ publicKey }) => publicKey),
    );
    for (const peer of this.#changed) {
      if (!known.has(peer) || !this.#isConnected(peer)) continue;
      const seen = traversal().pairsView(peer);
      const inUse = seen?.pairs.filter((pair) => pair.inUse && pair.connection !== 'relayed') ?? [];
      const told = seen?.remoteCandidates.filter(({ type }) => type !== 'relayed') ?? [];
      const addresses = [...inUse.map(({ remote }) => remote), ...told.map(({ address }) => address)];
      if (addresses.length > 0 && this.#remembered.set(peer, addresses, clock.unixMs())) isNews = true;
    }
    this.#changed.clear();
    if (!isNews && (this.#remembered.size === 0 || this.#remembered.listenPort === this.#ownPort)) return;
    this.#remembered.listenPort = this.#ownPort;
    const text = this.#remembered.encode();
    this.#writing = this.#writing
      .then(() => writeState(path, text))
      .then(() => {
        this.#problem = undefined;
      })
      .catch((error: unknown) => {
        const reason = reasonOf(error);
        if (!isPlaceGiven && isDenied(error)) {
          // A service's user without a home: nobody asked for anything to be kept there.
          const advice = 'set XDG_STATE_HOME (or StateDirectory= of a unit) to a folder of its own, or remember: false';
          return logger.info('where the peers are is not kept', { path, reason, advice });
        }
        // Once, not each time that a peer connects.
        if (this.#problem === undefined) logger.warn('where the peers are cannot be kept', { path, reason });
        this.#problem = `where the peers are cannot be kept, so that a restart needs a server: ${path}: ${reason}`;
      });
  }
}
