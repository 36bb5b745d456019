import { formatAddress, type TransportAddress } from '@wirepath/stun-codec';
import { Counters } from '../../base/counting/counters.js';
import type { Guard } from '../../base/guard/guard.js';
import { Listeners } from '../../base/guard/listeners.js';
import type { Identity, PublicKey } from '../../base/identity/identity.js';
import { TokenBucket } from '../../base/limits/token-bucket.js';
import type { Clock, RandomSource } from '../../base/time/clock.js';
import type { Datagrams, ReceivedDatagram } from '../../contracts/datagrams.js';
import type { TransportPath } from '../../contracts/path.js';
import type { Signaling, SignalingState } from '../../contracts/signaling.js';
import { encodePart, openPart, partsOf, readRecall, RecallAssembly, type RecallPart } from './recall-codec.js';
import { recallCredential, recallKey, RECALL_SLOT_MS } from './recall-keys.js';
import type { RememberedPeers } from './remembered-peers.js';

export interface RecallSignalingNeeds {
  readonly identity: Pick<Identity, 'publicKey' | 'agree'>;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly guard: Guard;
  readonly remembered: RememberedPeers;
  /** Undefined where the transport owns no sockets: then nothing is sent, nor heard. */
  readonly datagrams: () => Datagrams | undefined;
  readonly isConnected: (peer: PublicKey) => boolean;
  /** Whether a message has another way to go. */
  readonly othersUp: () => boolean;
}

/**
 * After which a message goes out again while its peer is not connected: quickly at first, since each end's NAT drops what comes
 * before that end has sent; then often enough that no NAT forgets us.
 */
const GAPS_MS = [100, 200, 300, 400, 600, 1000, 2000, 4000, 8000, 15_000, 20_000] as const;
/** So often with the last gap; and from then on with this one, for whoever comes back much later. */
const FREQUENT_ROUNDS = 60;
const RARE_GAP_MS = 60_000;
/** A server that is up has this long to connect the two before addresses that may be somebody else's by now are sent to. */
const OTHERS_FIRST_MS = 3000;
/** Datagrams a second, of all peers together. */
const DATAGRAMS_PER_SECOND = 200;
const DATAGRAM_BURST = 400;

/** One remembered peer that we have something to say to. */
interface Recalled {
  readonly peer: PublicKey;
  readonly inward: Uint8Array;
  readonly outward: Uint8Array;
  readonly assembly: RecallAssembly;
  usernames: readonly string[];
  parts: readonly RecallPart[];
  round: number;
  /** Where it was heard from last, in this run. */
  heard: Extract<TransportPath, { kind: 'socket' }> | undefined;
  timer: Disposable | undefined;
}

/**
 * {@link Signaling} without a server: sealed messages go straight from our sockets to where a peer was last, and by that open
 * our NAT for the peer's own. What comes in is authenticated by a credential of the pair, then by its seal as everywhere.
 */
export class RecallSignaling implements Signaling {
  readonly counters = new Counters();
  readonly #needs: RecallSignalingNeeds;
  readonly #messages: Listeners<{ from: PublicKey; sealed: Uint8Array }>;
  readonly #states: Listeners<readonly SignalingState[]>;
  readonly #found: Listeners<{ peer: PublicKey; address: TransportAddress }>;
  readonly #recalled = new Map<PublicKey, Recalled>();
  /** Whose a user name is that may come in, and of which hour. */
  readonly #expected = new Map<string, { readonly recalled: Recalled; readonly slot: number }>();
  readonly #bucket = new TokenBucket(DATAGRAMS_PER_SECOND, DATAGRAM_BURST);
  #slot = -1;
  #listening: Disposable | undefined;
  #state: SignalingState;
  #isStopped = false;

  constructor(needs: RecallSignalingNeeds) {
    this.#needs = needs;
    this.#messages = new Listeners(needs.guard, 'messages');
    this.#states = new Listeners(needs.guard, 'states');
    this.#found = new Listeners(needs.guard, 'found');
    this.#state = { url: 'recall:peers', state: 'down', sinceMs: needs.clock.unixMs() };
  }

  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    const datagrams = this.#needs.datagrams();
    if (signal.aborted || this.#isStopped || datagrams === undefined) return;
    this.#listening = datagrams.onDatagram((datagram) => this.#receive(datagram));
    // With nothing to recall it is no way to anybody, and must not be taken for one.
    if (this.#needs.remembered.size > 0) this.#become('up');
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#listening?.[Symbol.dispose]();
    for (const { timer } of this.#recalled.values()) timer?.[Symbol.dispose]();
    this.#recalled.clear();
    this.#expected.clear();
    this.#become('down');
  }

  publish(to: PublicKey, sealed: Uint8Array): void {
    if (this.#state.state !== 'up') return;
    const recalled = this.#recalled.get(to) ?? this.#recall(to);
    const { random, othersUp } = this.#needs;
    const parts = partsOf(sealed, Buffer.from(random.bytes(4)).readUInt32BE());
    if (recalled === undefined || parts === undefined) return;
    recalled.parts = parts;
    recalled.round = 0;
    recalled.timer?.[Symbol.dispose]();
    if (othersUp()) this.#sendLater(recalled, OTHERS_FIRST_MS);
    else this.#sendRound(recalled);
  }

  states(): readonly SignalingState[] {
    return [this.#state];
  }

  onMessage(listener: (message: { from: PublicKey; sealed: Uint8Array }) => void): Disposable {
    return this.#messages.add(listener);
  }

  onStateChange(listener: (states: readonly SignalingState[]) => void): Disposable {
    return this.#states.add(listener);
  }

  /** A message of a peer came from there. */
  onFound(listener: (event: { peer: PublicKey; address: TransportAddress }) => void): Disposable {
    return this.#found.add(listener);
  }

  #become(state: 'up' | 'down'): void {
    if (this.#state.state === state) return;
    this.#state = { ...this.#state, state, sinceMs: this.#needs.clock.unixMs() };
    this.#states.tell(this.states());
  }

  /** @returns undefined for whoever is not remembered. */
  #recall(peer: PublicKey): Recalled | undefined {
    const { identity, remembered } = this.#needs;
    if (remembered.addressesOf(peer).length === 0) return undefined;
    const secret = identity.agree(Buffer.from(peer, 'base64'));
    if (secret === undefined) return undefined;
    const recalled: Recalled = {
      peer,
      inward: recallKey(secret, peer, identity.publicKey),
      outward: recallKey(secret, identity.publicKey, peer),
      assembly: new RecallAssembly(),
      usernames: [],
      parts: [],
      round: 0,
      heard: undefined,
      timer: undefined,
    };
    this.#recalled.set(peer, recalled);
    this.#expect(recalled, this.#presentSlot());
    return recalled;
  }

  // --- Out ---

  #sendRound(recalled: Recalled): void {
    recalled.timer = undefined;
    // While a server connects them, and after that, there is nothing to recall.
    if (this.#needs.isConnected(recalled.peer)) return;
    for (const path of this.#pathsTo(recalled)) this.#send(recalled, path);
    const { round } = recalled;
    recalled.round += 1;
    const gap = round > FREQUENT_ROUNDS ? RARE_GAP_MS : (GAPS_MS[Math.min(round, GAPS_MS.length - 1)] ?? RARE_GAP_MS);
    const jitter = (this.#needs.random.bytes(1)[0] ?? 0) / 256;
    this.#sendLater(recalled, gap * (0.8 + 0.4 * jitter));
  }

  #sendLater(recalled: Recalled, delayMs: number): void {
    recalled.timer = this.#needs.clock.setTimeout(() => this.#sendRound(recalled), delayMs);
  }

  #pathsTo({ peer, heard }: Recalled): TransportPath[] {
    const bases = this.#needs.datagrams()?.bases.filter(({ shared }) => shared) ?? [];
    const paths = new Map<string, TransportPath>();
    if (heard !== undefined) paths.set(formatAddress(heard.remote), heard);
    for (const remote of this.#needs.remembered.addressesOf(peer)) {
      const base = bases.find(({ family }) => family === remote.family);
      if (base !== undefined) paths.set(formatAddress(remote), { kind: 'socket', base, remote });
    }
    return [...paths.values()];
  }

  #send({ parts, outward }: Recalled, path: TransportPath): void {
    const { clock, random, datagrams } = this.#needs;
    if (!this.#bucket.take(clock.now(), parts.length)) return this.counters.count('recall-over-the-rate');
    const credential = recallCredential(outward, slotOf(clock.unixMs()));
    for (const part of parts) datagrams()?.send(path, encodePart(part, credential, random.bytes(12)));
  }

  // --- In ---

  #receive({ path, bytes }: ReceivedDatagram): boolean {
    const read = readRecall(bytes);
    if (read === undefined) return false;
    this.#presentSlot();
    const expected = this.#expected.get(read.username);
    if (expected === undefined) return false;
    const { recalled, slot } = expected;
    const part = openPart(read.stun, recallCredential(recalled.inward, slot));
    if (part === undefined) {
      this.counters.count('recall-forged');
      return true;
    }
    const sealed = recalled.assembly.take(part);
    if (sealed !== undefined) {
      this.#messages.tell({ from: recalled.peer, sealed });
      // The peer's own message may lack it: without a server it cannot know what its NAT makes of it.
      this.#found.tell({ peer: recalled.peer, address: path.remote });
    }
    if (path.kind === 'socket') this.#heard(recalled, path);
    return true;
  }

  /** It is there, and our NAT lets it in: what we have to say goes there at once, if it was not known. */
  #heard(recalled: Recalled, path: Extract<TransportPath, { kind: 'socket' }>): void {
    const { heard } = recalled;
    const isNew = heard === undefined || formatAddress(heard.remote) !== formatAddress(path.remote);
    recalled.heard = path;
    if (isNew && !this.#needs.isConnected(recalled.peer)) this.#send(recalled, path);
  }

  #presentSlot(): number {
    const slot = slotOf(this.#needs.clock.unixMs());
    if (slot === this.#slot) return slot;
    this.#slot = slot;
    for (const recalled of this.#recalled.values()) this.#expect(recalled, slot);
    return slot;
  }

  #expect(recalled: Recalled, slot: number): void {
    for (const username of recalled.usernames) this.#expected.delete(username);
    recalled.usernames = [slot - 1, slot, slot + 1].map((one) => {
      const { username } = recallCredential(recalled.inward, one);
      this.#expected.set(username, { recalled, slot: one });
      return username;
    });
  }
}

function slotOf(unixMs: number): number {
  return Math.floor(unixMs / RECALL_SLOT_MS);
}
