import { formatAddress, sameAddress, type TransportAddress } from '@wirepath/stun-codec';
import { connectionType } from '../connection-type.js';
import type { LocalBase } from '../engine-path.js';
import type { PairState } from '../pair-evidence.js';
import { whyRefused } from '../pairs/refused-address.js';
import { RemoteCandidates, type Rejection, type RemoteCandidate } from '../pairs/remote-candidates.js';
import type { World } from '../world.js';
import type { PairView } from './peer-view.js';

/** An endpoint, and what came of trying it. */
interface Trial {
  remote: RemoteCandidate;
  state: PairState;
  tries: number;
  proofs: number;
}

/** Of a device that has told nothing of its sockets. */
const DEVICE: Readonly<Record<4 | 6, LocalBase>> = {
  4: { id: 'device4', family: 4, kind: 'socket' },
  6: { id: 'device6', family: 6, kind: 'socket' },
};

/** The endpoints that a peer may have, one tried after another, the best first. There are no checks and there is no relay. */
export class EndpointTrials {
  readonly remotes = new RemoteCandidates();
  rejections: readonly Rejection[] = [];
  #trials = new Map<string, Trial>();
  #running: { readonly id: number; readonly trial: Trial } | undefined;
  #id = 0;
  #bases: readonly LocalBase[] = [];

  /** After a change at either end. What is known of an endpoint that there still is stays known. */
  form({ local, inOwnNetwork, settings }: World): void {
    this.#bases = local.bases;
    const own = { candidates: local.candidates, inOwnNetwork };
    const rejections: Rejection[] = [...this.remotes.unheeded];
    const usable: RemoteCandidate[] = [];
    for (const remote of this.remotes.all) {
      const reason =
        remote.type === 'relayed' ? 'a device sends through no relay of ours' : whyRefused(remote.address, own);
      if (reason === undefined) usable.push(remote);
      else rejections.push({ remote, reason });
    }
    usable.sort((a, b) => b.priority - a.priority);
    for (const remote of usable.splice(settings.maxCandidatePairs))
      rejections.push({ remote, reason: 'more pairs than traversal.maxCandidatePairs allows' });
    const before = this.#trials;
    this.#trials = new Map();
    for (const remote of usable) {
      const key = formatAddress(remote.address);
      const trial = before.get(key) ?? { remote, state: 'waiting', tries: 0, proofs: 0 };
      trial.remote = remote;
      this.#trials.set(key, trial);
    }
    this.rejections = rejections;
  }

  get count(): number {
    return this.#trials.size;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** All of them from the best on; what is being tried is over. */
  begin(): void {
    this.stop();
    for (const trial of this.#trials.values()) trial.state = 'waiting';
  }

  /** Whatever comes of the one that is being tried, it is nobody's any more. */
  stop(): void {
    if (this.#running?.trial.state === 'in-progress') this.#running.trial.state = 'waiting';
    this.#running = undefined;
  }

  /** @returns what to try now; undefined while one is being tried, and where none is left. */
  next(): { readonly id: number; readonly address: TransportAddress } | undefined {
    if (this.#running !== undefined) return undefined;
    const trial = [...this.#trials.values()].find(({ state }) => state === 'waiting');
    if (trial === undefined) return undefined;
    trial.state = 'in-progress';
    trial.tries += 1;
    this.#running = { id: ++this.#id, trial };
    return { id: this.#id, address: trial.remote.address };
  }

  /** @returns where that was tried; undefined where another was begun since. */
  ended(id: number, proven: boolean): TransportAddress | undefined {
    if (this.#running?.id !== id) return undefined;
    const { trial } = this.#running;
    trial.state = proven ? 'succeeded' : 'failed';
    if (proven) trial.proofs += 1;
    this.#running = undefined;
    return trial.remote.address;
  }

  /** The device was heard from there: where it is none of the peer's, it is one now. */
  heardFrom(address: TransportAddress, world: World): void {
    if (this.#find(address) !== undefined) return;
    this.remotes.addSuggested({ address, type: 'peer-reflexive', priority: 0 });
    this.form(world);
  }

  /** @returns as of the pair of a device's socket with it; undefined where it is none of the peer's. */
  viewOf(address: TransportAddress | undefined): PairView | undefined {
    const trial = address && this.#find(address);
    return trial && this.#view(trial, true);
  }

  /** The best first. @param inUse the endpoint that carries the traffic. */
  views(inUse: TransportAddress | undefined): PairView[] {
    return Array.from(this.#trials.values(), (trial) =>
      this.#view(trial, inUse !== undefined && sameAddress(trial.remote.address, inUse)),
    );
  }

  #find(address: TransportAddress): Trial | undefined {
    return this.#trials.get(formatAddress(address));
  }

  #view({ remote, state, tries, proofs }: Trial, inUse: boolean): PairView {
    const { family } = remote.address;
    return Object.freeze({
      base: 'socket',
      family,
      remote: remote.address,
      connection: connectionType('socket', remote.type),
      state: inUse ? 'succeeded' : state,
      inUse,
      checksSent: tries,
      responses: proofs,
      checksReceived: 0,
      localBase: this.#bases.find((base) => base.kind === 'socket' && base.family === family) ?? DEVICE[family],
      remoteType: remote.type,
      rttMs: undefined,
      mappedAddress: undefined,
      refusal: undefined,
    });
  }
}
