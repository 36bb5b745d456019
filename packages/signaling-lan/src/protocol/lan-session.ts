import { Counters, TokenBucket, type Identity, type PublicKey, type RandomSource } from '@wirepath/core/plugin';
import { BeaconSchedule } from './beacon-schedule.js';
import { openFrame, partsOf, sealFrame, Stamps, type Frame } from './frame.js';
import {
  ACK_MS,
  BEACONS_PER_ROUND,
  DATAGRAM_BYTES,
  EPOCH_MS,
  MAX_PEERS,
  MAX_SEALED_BYTES,
  NODE_FRAME_BURST,
  NODE_FRAMES_PER_SECOND,
  SLOT_MS,
  SLOTS_PER_EPOCH,
  TAG_BYTES,
  TAGS_PER_BEACON,
} from './lan-v1.js';
import { LanPeer, type LanAddress, type WaitingMessage } from './lan-peer.js';
import { tagOf } from './pair-keys.js';
import { TagTable } from './tag-table.js';

/** When something happens: ms of a clock that never goes back, and the wall clock's, which tags follow. */
export interface Moment {
  readonly now: number;
  readonly unixMs: number;
}

export type LanEffect =
  | { readonly kind: 'multicast'; readonly bytes: Uint8Array }
  | { readonly kind: 'send'; readonly to: LanAddress; readonly bytes: Uint8Array }
  | { readonly kind: 'message'; readonly from: PublicKey; readonly sealed: Uint8Array }
  /** A peer is on this network, and was not before, or not there. */
  | { readonly kind: 'available'; readonly publicKey: PublicKey };

export interface LanSessionNeeds {
  readonly identity: Pick<Identity, 'publicKey' | 'agree'>;
  readonly random: RandomSource;
}

/** Key agreements in one turn: each is some 50 us, and a node may have a thousand peers. */
const AGREEMENTS_PER_TURN = 16;
const AGREEMENT_TURN_MS = 10;

const keyBytes = (key: PublicKey) => Buffer.from(key, 'base64');

/**
 * One node on its networks, without sockets and clock: `(event, moment) -> effects`, and {@link nextTimeout} says when to call
 * {@link handleTimeout}. docs/lan-protocol.md says what goes over the wire, and why.
 */
export class LanSession {
  readonly dropped = new Counters();
  readonly #needs: LanSessionNeeds;
  readonly #peers = new Map<PublicKey, LanPeer>();
  /** Peers whose keys are still to be agreed on. */
  readonly #unready = new Set<PublicKey>();
  #agreeAt = Infinity;
  readonly #table = new TagTable<LanPeer>();
  /** Peers to be found; those whose turn is next come first. */
  readonly #wanted = new Set<LanPeer>();
  /** Peers that owe an acknowledgement. */
  readonly #owing = new Set<LanPeer>();
  readonly #schedule = new BeaconSchedule();
  readonly #frames = new TokenBucket(NODE_FRAMES_PER_SECOND, NODE_FRAME_BURST);
  readonly #stamps = new Stamps();
  #links: ReadonlySet<string> = new Set();
  #epoch = -1;
  /** Nothing is sent before: an earlier run may have used the slot that we began in. */
  #firstSlot = Infinity;
  #lastBeaconSlot = -1;
  #effects: LanEffect[] = [];

  constructor(needs: LanSessionNeeds) {
    this.#needs = needs;
  }

  has(peer: PublicKey): boolean {
    return this.#peers.has(peer) || this.#unready.has(peer);
  }

  /** Tags in the table. */
  get tableSize(): number {
    return this.#table.size;
  }

  start(at: Moment): LanEffect[] {
    this.#firstSlot = slotOf(at) + 1;
    this.#roll(at);
    return this.#take();
  }

  /** Who the peers are: messages come from these and go to these alone, to the first {@link MAX_PEERS}. */
  setPeers(keys: Iterable<PublicKey>, at: Moment): void {
    const wanted = new Set([...keys].filter((key) => key !== this.#needs.identity.publicKey).slice(0, MAX_PEERS));
    for (const [key, peer] of this.#peers) if (!wanted.has(key)) this.#remove(key, peer);
    for (const key of this.#unready) if (!wanted.has(key)) this.#unready.delete(key);
    for (const key of wanted) if (!this.#peers.has(key)) this.#unready.add(key);
    if (this.#unready.size > 0) this.#agreeAt = Math.min(this.#agreeAt, at.now);
  }

  /** The links are others, or a link leads elsewhere: peers are looked for on all of them. */
  linksChanged(links: readonly string[], { now }: Moment): void {
    this.#links = new Set(links);
    for (const peer of this.#peers.values()) {
      if (peer.address === undefined || this.#links.has(peer.address.link)) continue;
      peer.lose();
      if (peer.waiting.length > 0) this.#wanted.add(peer);
    }
    if (this.#wanted.size > 0) this.#schedule.hurry(now);
  }

  publish(to: PublicKey, sealed: Uint8Array, at: Moment): LanEffect[] {
    const peer = this.#ready(to, at);
    if (peer === undefined || sealed.length > MAX_SEALED_BYTES) {
      this.dropped.count(peer === undefined ? 'message-to-nobody' : 'message-too-long');
      return [];
    }
    const message = { id: this.#stamps.next(at.unixMs), sealed: Uint8Array.from(sealed), sinceMs: at.now };
    peer.wait(message);
    if (peer.address !== undefined && peer.isConfirmed) this.#sendMessages(peer, peer.address, [message], at);
    else this.#seek(peer, at);
    return this.#take();
  }

  /** What came in by multicast. */
  beaconReceived(bytes: Buffer, from: LanAddress, at: Moment): LanEffect[] {
    this.#roll(at);
    this.#schedule.heard(at.now);
    if (bytes.length !== DATAGRAM_BYTES) this.dropped.count('beacon-of-another-length');
    else if (slotOf(at) >= this.#firstSlot)
      for (let index = 0; index < TAGS_PER_BEACON; index += 1) {
        const hit = this.#table.find(bytes, index * TAG_BYTES);
        if (hit === undefined) continue;
        if (hit.takeAnswer()) this.#answer(hit.peer, from, at);
        else this.dropped.count('beacon-tag-again');
      }
    return this.#take();
  }

  /** What came in on a socket of ours alone. */
  frameReceived(bytes: Buffer, from: LanAddress, at: Moment): LanEffect[] {
    this.#roll(at);
    if (bytes.length !== DATAGRAM_BYTES) this.dropped.count('frame-of-another-length');
    else {
      const hit = this.#table.find(bytes, 0);
      const frame = hit && openFrame(bytes, hit.keys.frameKey);
      if (hit === undefined) this.dropped.count('frame-of-nobody');
      else if (frame === undefined) this.dropped.count('frame-forged');
      else this.#frame(hit.peer, frame, from, at);
    }
    return this.#take();
  }

  /** When {@link handleTimeout} is due, in the time of `now`. */
  nextTimeout(at: Moment): number {
    const agreed = this.#unready.size > 0 ? this.#agreeAt : Infinity;
    if (this.#firstSlot === Infinity) return agreed;
    const owed = Math.min(Infinity, ...[...this.#owing].map(({ ackDueAt }) => ackDueAt));
    const beacon = this.#links.size === 0 ? Infinity : this.#schedule.nextTimeout();
    const slotAt = this.#timeOfSlot(this.#nextBeaconSlot(at), at);
    const epochAt = this.#timeOfSlot((epochOf(at) + 1) * SLOTS_PER_EPOCH, at);
    return Math.min(agreed, owed, Math.max(beacon, slotAt), epochAt);
  }

  handleTimeout(at: Moment): LanEffect[] {
    if (this.#unready.size > 0 && this.#agreeAt <= at.now) this.#agreeOnSome(at);
    if (this.#firstSlot === Infinity) return [];
    this.#roll(at);
    for (const peer of this.#owing) if (peer.ackDueAt <= at.now) this.#unanswered(peer, at);
    if (this.#schedule.nextTimeout() <= at.now && this.#links.size > 0 && slotOf(at) >= this.#nextBeaconSlot(at))
      this.#beaconRound(at);
    return this.#take();
  }

  // --- Peers and their keys ---

  #agreeOnSome(at: Moment): void {
    for (const key of [...this.#unready].slice(0, AGREEMENTS_PER_TURN)) this.#ready(key, at);
    this.#agreeAt = this.#unready.size > 0 ? at.now + AGREEMENT_TURN_MS : Infinity;
  }

  /** @returns undefined for whoever is no peer, or has no usable key. */
  #ready(key: PublicKey, at: Moment): LanPeer | undefined {
    if (!this.#unready.delete(key)) return this.#peers.get(key);
    const { identity } = this.#needs;
    const secret = identity.agree(keyBytes(key));
    if (secret === undefined) return undefined;
    const peer = new LanPeer(key, identity.publicKey, secret);
    this.#peers.set(key, peer);
    this.#addTags(peer, epochOf(at));
    return peer;
  }

  #remove(key: PublicKey, peer: LanPeer): void {
    this.#peers.delete(key);
    this.#table.prune(peer);
    this.#wanted.delete(peer);
    this.#owing.delete(peer);
  }

  /** Tags of this epoch, and of those before and after it, for clocks differ. */
  #roll(at: Moment): void {
    const epoch = epochOf(at);
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    for (const peer of this.#peers.values()) {
      peer.expire(at.now);
      this.#addTags(peer, epoch);
    }
  }

  #addTags(peer: LanPeer, epoch: number): void {
    this.#table.prune(peer, (kept) => Math.abs(kept - epoch) <= 1);
    for (const one of [epoch - 1, epoch, epoch + 1])
      if (!this.#table.has(peer, one)) this.#table.add(peer, one, peer.inKeys(one));
  }

  // --- Finding ---

  #seek(peer: LanPeer, { now }: Moment): void {
    if (this.#wanted.has(peer)) return this.#schedule.want(now);
    this.#wanted.add(peer);
    this.#schedule.hurry(now);
  }

  #beaconRound(at: Moment): void {
    for (const peer of this.#wanted) if (peer.waiting.length === 0) this.#wanted.delete(peer);
    if (this.#wanted.size === 0) return this.#schedule.rest();
    const { random } = this.#needs;
    const beacons = Math.min(BEACONS_PER_ROUND, Math.ceil(this.#wanted.size / TAGS_PER_BEACON));
    const granted = this.#schedule.takeRound(at.now, beacons, (random.bytes(1)[0] ?? 0) / 256);
    if (granted === 0) return;
    const slot = slotOf(at);
    this.#lastBeaconSlot = slot;
    const sought = [...this.#wanted].slice(0, granted * TAGS_PER_BEACON);
    for (let first = 0; first < sought.length; first += TAGS_PER_BEACON) {
      const bytes = Buffer.from(random.bytes(DATAGRAM_BYTES));
      for (const [index, peer] of sought.slice(first, first + TAGS_PER_BEACON).entries())
        tagOf(peer.outKeys(epochOf(at)), slot % SLOTS_PER_EPOCH).copy(bytes, index * TAG_BYTES);
      this.#effects.push({ kind: 'multicast', bytes });
    }
    // The others have their turn in the next round.
    for (const peer of sought) if (this.#wanted.delete(peer)) this.#wanted.add(peer);
  }

  /** The peer looks for us: it is told where we are, or what waits for it. */
  #answer(peer: LanPeer, from: LanAddress, at: Moment): void {
    const isElsewhere = !peer.isAt(from);
    if (!peer.isConfirmed || peer.ackDueAt !== Infinity) {
      peer.address = from;
      peer.isConfirmed = false;
    }
    if (peer.isAt(from) && peer.waiting.length > 0) this.#sendMessages(peer, from, peer.waiting, at);
    else this.#sendFrame(peer, from, { wantsAnswer: true }, at);
    if (isElsewhere) this.#effects.push({ kind: 'available', publicKey: peer.publicKey });
  }

  // --- Frames ---

  #frame(peer: LanPeer, frame: Frame, from: LanAddress, at: Moment): void {
    const isFresh = frame.stamp > peer.newestStamp;
    const isThere = peer.isAt(from);
    const isFound = isFresh && !(peer.isConfirmed && isThere);
    if (isFresh) {
      peer.newestStamp = frame.stamp;
      peer.address = from;
      peer.isConfirmed = true;
      this.#wanted.delete(peer);
    }
    peer.acknowledged(frame.acknowledged);
    if (peer.waiting.length === 0) this.#owing.delete(peer);
    const sealed = peer.reassembly.take(frame);
    if (sealed !== undefined) this.#effects.push({ kind: 'message', from: peer.publicKey, sealed });
    if (isFound && peer.waiting.length > 0) this.#sendMessages(peer, from, peer.waiting, at);
    else if (isFresh && frame.wantsAnswer) this.#sendFrame(peer, from, { wantsAnswer: false }, at);
    if (isFound && !isThere) this.#effects.push({ kind: 'available', publicKey: peer.publicKey });
  }

  #sendMessages(peer: LanPeer, to: LanAddress, messages: readonly WaitingMessage[], at: Moment): void {
    for (const { id, sealed } of messages) {
      const parts = partsOf(sealed);
      for (const [index, part] of parts.entries()) {
        const wantsAnswer = index === parts.length - 1;
        this.#sendFrame(peer, to, { message: id, index, count: parts.length, part, wantsAnswer }, at);
      }
    }
    peer.ackDueAt = at.now + ACK_MS;
    this.#owing.add(peer);
  }

  /** It is not there any more, or what was sent is lost: it is looked for everywhere. */
  #unanswered(peer: LanPeer, at: Moment): void {
    peer.lose();
    this.#owing.delete(peer);
    if (peer.waiting.length > 0) this.#seek(peer, at);
  }

  #sendFrame(peer: LanPeer, to: LanAddress, content: Partial<Frame>, at: Moment): void {
    if (slotOf(at) < this.#firstSlot || !this.#links.has(to.link)) return;
    if (!peer.bucket.take(at.now) || !this.#frames.take(at.now)) return this.dropped.count('frame-over-the-rate');
    const frame: Frame = {
      message: 0,
      index: 0,
      count: 0,
      part: new Uint8Array(0),
      wantsAnswer: false,
      ...content,
      stamp: this.#stamps.next(at.unixMs),
      acknowledged: peer.reassembly.newest,
    };
    const keys = peer.outKeys(epochOf(at));
    const tag = tagOf(keys, slotOf(at) % SLOTS_PER_EPOCH);
    const bytes = sealFrame(frame, tag, keys.frameKey, this.#needs.random.bytes(12));
    this.#effects.push({ kind: 'send', to, bytes });
  }

  // --- Time ---

  /** One round in a slot, as its tags are good for one answer; a wall clock that was set back does not end the search. */
  #nextBeaconSlot(at: Moment): number {
    const isSetBack = this.#lastBeaconSlot > slotOf(at);
    return Math.max(this.#firstSlot === Infinity ? 0 : this.#firstSlot, isSetBack ? 0 : this.#lastBeaconSlot + 1);
  }

  #timeOfSlot(slot: number, { now, unixMs }: Moment): number {
    return now + slot * SLOT_MS - unixMs;
  }

  #take(): LanEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}

function slotOf({ unixMs }: Moment): number {
  return Math.floor(unixMs / SLOT_MS);
}

function epochOf({ unixMs }: Moment): number {
  return Math.floor(unixMs / EPOCH_MS);
}
