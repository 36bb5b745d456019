import { AEAD_TAG_BYTES } from './aead.js';
import {
  KEEPALIVE_TIMEOUT_MS,
  PADDING_MULTIPLE,
  REJECT_AFTER_TIME_MS,
  REKEY_AFTER_TIME_MS,
  REKEY_TIMEOUT_MS,
  STAGED_PACKETS_MAX,
} from './constants.js';
import type { DropReason } from './drops.js';
import { Handshakes, type PeerIndices } from './handshakes.js';
import type { Keypair } from './keypair.js';
import { Keypairs } from './keypair-slots.js';
import {
  TRANSPORT_HEADER_BYTES,
  TRANSPORT_MIN_BYTES,
  writeTransportHeader,
  type CookieReply,
  type Response,
} from './messages.js';
import type { ClaimedInitiation, RemoteIdentity } from './noise.js';
import { jitterMs, type PeerContext } from './peer-context.js';
import type { HandshakeInfo, PeerCounters, DevicePeer, SessionState } from './sink.js';
import { PeerTimers } from './timers.js';

/**
 * The protocol's view of one peer: handshakes, sessions, timers, paths, and the packets that wait. What routes to it,
 * and which sources it may use, is the device's.
 */
export class Peer<P> implements DevicePeer<P> {
  readonly publicKey: string;
  readonly counters: PeerCounters = {
    initiationsSent: 0,
    responsesSent: 0,
    keepalivesSent: 0,
    handshakesCompleted: 0,
    stagedDropped: 0,
  };
  remote: RemoteIdentity;
  roaming = true;
  paths: readonly P[] = [];
  rxBytes = 0;
  txBytes = 0;
  lastHandshakeUnixMs: number | undefined;
  persistentKeepaliveSeconds = 0;

  readonly #context: PeerContext<P>;
  readonly #allowedIps: () => readonly string[];
  readonly #handshakes: Handshakes<P>;
  readonly #keypairs: Keypairs;
  readonly #timers: PeerTimers;
  readonly #staged: Uint8Array[] = [];
  /** An initiation could not be sent for want of a path. */
  #handshakeWanted = false;
  /** A keepalive could not be sent for want of a path. */
  #keepaliveWanted = false;
  #removed = false;
  /** What the sink was told last: for the packets of one batch, whose time is one, once. */
  #toldSentMs = NaN;
  #toldAuthenticatedMs = NaN;
  #toldPath: P | undefined;

  constructor(
    context: PeerContext<P>,
    indices: PeerIndices,
    publicKey: string,
    remote: RemoteIdentity,
    allowedIps: () => readonly string[],
  ) {
    this.publicKey = publicKey;
    this.remote = remote;
    this.#context = context;
    this.#allowedIps = allowedIps;
    this.#handshakes = new Handshakes(context, () => this.remote, indices);
    this.#keypairs = new Keypairs((keypair) => {
      indices.delete(keypair.localIndex);
      keypair.destroy();
    });
    this.#timers = new PeerTimers(context.timers, (belowMs) => jitterMs(context.random, belowMs), {
      retransmitInitiation: (now) => this.#sendInitiation(now),
      giveUp: () => this.#giveUp(),
      sendKeepalive: (now) => this.sendKeepalive(now),
      requestInitiation: (now) => this.requestInitiation(now, false),
      scheduledInitiation: (now) => this.#startInitiating(now),
      // A handshake that is under way goes on: after a long sleep this fires right behind the packet that started it.
      eraseSessions: () => this.#keypairs.clear(),
    });
  }

  get allowedIps(): readonly string[] {
    return this.#allowedIps();
  }

  get hasPresharedKey(): boolean {
    return this.remote.presharedKey.some((byte) => byte !== 0);
  }

  get handshakePending(): boolean {
    return this.#handshakes.pending;
  }

  sessionState(now: number): SessionState {
    const current = this.#keypairs.current;
    if (current === undefined) return 'none';
    return current.isUsable(now) ? 'alive' : 'stale';
  }

  // Paths

  setPaths(paths: readonly P[], now: number): void {
    this.paths = [...paths];
    if (paths.length === 0) return;
    const isKeepaliveDue = this.#keepaliveWanted && this.#staged.length === 0;
    this.#keepaliveWanted = false;
    const flushed = this.#flushStaged(now);
    const isSessionWanted = isKeepaliveDue && this.sessionState(now) !== 'alive';
    // What is pending went out on the old path: it is said again at once on the new one.
    if (this.#handshakeWanted || !flushed || isSessionWanted) this.requestInitiation(now, this.#handshakes.pending);
    else if (!this.#handshakes.pending) this.#timers.stopInitiating();
    if (isKeepaliveDue && !isSessionWanted) this.sendKeepalive(now);
  }

  setPersistentKeepalive(seconds: number, now: number): void {
    if (seconds === this.persistentKeepaliveSeconds) return;
    this.persistentKeepaliveSeconds = seconds;
    this.#timers.setPersistentKeepalive(seconds * 1000, now);
    if (seconds > 0) this.sendKeepalive(now);
    else this.#keepaliveWanted = false;
  }

  // Sending

  /** Seals and sends an inner packet, or copies it to wait for a session. The 64 bytes before it may be overwritten. */
  sendPacket(offset: number, sizeBytes: number, now: number): 'sent' | 'queued' {
    const current = this.#keypairs.current;
    if (current !== undefined && this.paths.length > 0 && current.isUsable(now)) {
      this.#sendData(current, offset, sizeBytes, now);
      return 'sent';
    }
    this.#staged.push(this.#context.buffers.copyOf(offset, sizeBytes));
    if (this.#staged.length > STAGED_PACKETS_MAX) {
      this.#staged.shift();
      this.counters.stagedDropped++;
    }
    this.#requestSession(now);
    return 'queued';
  }

  /**
   * Sends what waits, else an empty message; without a session, asks for one. Without a path it is sent as soon as there is one, and
   * no timer runs for it: most of thousands of peers may be away.
   */
  sendKeepalive(now: number): void {
    if (this.paths.length === 0 && this.#staged.length === 0) {
      this.#keepaliveWanted = true;
      this.#timers.suspendPersistentKeepalive();
      return this.#context.sink.onPathWanted(this, now);
    }
    if (this.#staged.length > 0 && this.#flushStaged(now)) return;
    const current = this.#keypairs.current;
    if (current !== undefined && this.paths.length > 0 && current.isUsable(now))
      this.#sendData(current, this.#context.buffers.packetSlot, 0, now);
    else this.#requestSession(now);
  }

  /**
   * Sends an initiation as soon as WireGuard's pacing allows it; see {@link Handshakes.earliestInitiationMs}. One that
   * comes too early is sent later, unless a session comes up meanwhile.
   */
  requestInitiation(now: number, pathChanged: boolean): void {
    if (this.#removed) return;
    if (this.paths.length === 0) {
      this.#handshakeWanted = true;
      this.#awaitPath(now);
    } else if (now >= this.#handshakes.earliestInitiationMs(pathChanged)) {
      this.#startInitiating(now);
    } else if (pathChanged || !this.#handshakes.pending) {
      // While one is pending, its retransmission comes at that very time.
      this.#timers.scheduleInitiation(this.#handshakes.scheduledInitiationMs(pathChanged));
    }
  }

  /** Something waits: for a session, or only for a path. */
  #requestSession(now: number): void {
    if (this.paths.length === 0 && this.sessionState(now) === 'alive') this.#awaitPath(now);
    else this.requestInitiation(now, false);
  }

  /** A path is awaited as a response would be: for REKEY_ATTEMPT_TIME, then what waits is too old to be sent. */
  #awaitPath(now: number): void {
    if (!this.#timers.initiating) {
      this.#timers.resetAttempts();
      this.#timers.handshakeInitiated(now);
    }
    this.#context.sink.onPathWanted(this, now);
  }

  #startInitiating(now: number): void {
    this.#timers.resetAttempts();
    this.#sendInitiation(now);
  }

  #sendInitiation(now: number): void {
    if (this.paths.length === 0) {
      this.#timers.handshakeInitiated(now);
      this.#context.sink.onPathWanted(this, now);
      return;
    }
    const datagram = this.#handshakes.initiate(now);
    if (datagram === undefined) return;
    this.#handshakeWanted = false;
    this.counters.initiationsSent++;
    this.#timers.anyAuthenticatedSent(now);
    this.#timers.handshakeInitiated(now);
    this.#transmitMessage(datagram, this.paths);
    // It calls for an answer, as data does: a path that gives none is looked at.
    this.#context.sink.onSent(this, now);
  }

  /** @returns whether nothing waits any more. */
  #flushStaged(now: number): boolean {
    for (;;) {
      const current = this.#keypairs.current;
      if (current === undefined || this.paths.length === 0 || !current.isUsable(now)) return this.#staged.length === 0;
      const packet = this.#staged.shift();
      if (packet === undefined) return true;
      this.#sendData(current, this.#context.buffers.putPacket(packet), packet.length, now);
    }
  }

  #sendData(keypair: Keypair, offset: number, sizeBytes: number, now: number): void {
    const { buffers, mtu, sink } = this.#context;
    const padded = paddedLength(sizeBytes, mtu);
    const plaintext = padded === sizeBytes ? offset : buffers.padPacket(offset, sizeBytes, padded);
    const sealed = buffers.sealed.take(padded + AEAD_TAG_BYTES);
    const { sendCounterHigh: high, sendCounterLow: low } = keypair;
    // The header after the rest: sealing may overwrite what lies before.
    keypair.sendKey.seal(high, low, plaintext, padded, sealed);
    const datagram = sealed - TRANSPORT_HEADER_BYTES;
    writeTransportHeader(buffers.memory.u32, datagram >>> 2, keypair.remoteIndex, high, low);
    keypair.advanceSendCounter();

    this.#timers.anyAuthenticatedSent(now);
    if (sizeBytes > 0) this.#timers.dataSent(now);
    else this.counters.keepalivesSent++;
    this.#transmit(datagram, TRANSPORT_MIN_BYTES + padded, this.paths);
    if (sizeBytes > 0 && now !== this.#toldSentMs) {
      this.#toldSentMs = now;
      sink.onSent(this, now);
    }

    const old = keypair.role === 'initiator' && now - keypair.createdAtMs >= REKEY_AFTER_TIME_MS;
    if (old || keypair.needsRekeyByCount()) this.requestInitiation(now, false);
  }

  #transmitMessage(message: Uint8Array, paths: readonly P[]): void {
    this.#transmit(this.#context.buffers.putMessage(message), message.length, paths);
  }

  #transmit(offset: number, sizeBytes: number, paths: readonly P[]): void {
    this.txBytes += sizeBytes * paths.length;
    this.#context.sink.send(offset, sizeBytes, paths, this);
  }

  // Receiving

  /** @returns why the initiation was dropped, or undefined when it was answered. */
  receiveInitiation(claimed: ClaimedInitiation, sizeBytes: number, from: P, now: number): DropReason | undefined {
    const consumed = this.#handshakes.prove(claimed, now);
    if (typeof consumed === 'string') return consumed;
    this.#authenticated(sizeBytes, from, now);
    const response = this.#handshakes.respond(consumed, now);
    if (response === undefined) return 'decrypt';
    this.#keypairs.addAsResponder(response.keypair);
    this.#timers.sessionDerived(now);
    this.#timers.anyAuthenticatedSent(now);
    this.counters.responsesSent++;
    // A peer whose paths others decide answers where it was asked, until they have.
    this.#transmitMessage(response.datagram, this.paths.length > 0 ? this.paths : [from]);
    this.#context.sink.onAuthenticated(this, from, 'handshake', now);
    return undefined;
  }

  /** @returns why the response was dropped, or undefined when it opened a session. */
  receiveResponse(message: Response, sizeBytes: number, from: P, now: number): DropReason | undefined {
    const answered = this.#handshakes.consumeResponse(message, now);
    if (typeof answered === 'string') return answered;
    this.#authenticated(sizeBytes, from, now);
    const ownsTie = Buffer.compare(this.#context.local.publicKey, this.remote.publicKey) > 0;
    this.#keypairs.establishAsInitiator(answered.keypair, ownsTie);
    this.#timers.sessionDerived(now);
    this.#handshakeComplete({ role: 'initiator', from, rttMs: answered.rttMs, now });
    // Something must be sent, since the responder may not send before it hears from us on this session.
    this.sendKeepalive(now);
    this.#context.sink.onAuthenticated(this, from, 'handshake', now);
    return undefined;
  }

  receiveCookieReply(reply: CookieReply, now: number): DropReason | undefined {
    return this.#handshakes.consumeCookieReply(reply, now) ? undefined : 'cookie-reply';
  }

  /**
   * Transport data messages were decrypted and are no replays. @param sizeBytes of all their datagrams.
   * @param dataCount how many of them were no keepalives.
   */
  receiveData(keypair: Keypair, sizeBytes: number, dataCount: number, from: P, now: number): void {
    this.#authenticated(sizeBytes, from, now);
    if (this.#keypairs.confirm(keypair)) {
      this.#handshakes.forgetPending();
      this.#handshakeComplete({ role: 'responder', from, rttMs: undefined, now });
      if (!this.#flushStaged(now)) this.#requestSession(now);
    } else if (keypair === this.#keypairs.current && this.#handshakes.forgetOvertaken()) {
      this.#timers.stopInitiating();
    }
    if (dataCount > 0) this.#timers.dataReceived(now, dataCount);
    this.#rekeyOnReceipt(now);
    const kind = dataCount > 0 ? 'data' : 'keepalive';
    if (from === this.#toldPath && now === this.#toldAuthenticatedMs && kind === 'data') return;
    this.#toldPath = from;
    this.#toldAuthenticatedMs = now;
    this.#context.sink.onAuthenticated(this, from, kind, now);
  }

  #authenticated(sizeBytes: number, from: P, now: number): void {
    this.rxBytes += sizeBytes;
    this.#timers.anyAuthenticatedReceived(now);
    if (!this.roaming) return;
    const only = this.paths[0];
    if (only === undefined || this.paths.length > 1 || !this.#context.samePath(only, from)) this.paths = [from];
  }

  #handshakeComplete(info: Omit<HandshakeInfo<P>, 'unixMs'>): void {
    const unixMs = this.#context.wallClockMs();
    this.lastHandshakeUnixMs = unixMs;
    this.counters.handshakesCompleted++;
    this.#handshakeWanted = false;
    if (!this.#handshakes.pending) this.#timers.stopInitiating();
    this.#context.sink.onHandshake(this, { ...info, unixMs });
  }

  /** A session that is mostly received on must not run out because nothing was sent to notice its age. */
  #rekeyOnReceipt(now: number): void {
    const current = this.#keypairs.current;
    if (current?.role !== 'initiator') return;
    if (now - current.createdAtMs < REJECT_AFTER_TIME_MS - KEEPALIVE_TIMEOUT_MS - REKEY_TIMEOUT_MS) return;
    this.requestInitiation(now, false);
  }

  // Ending

  #giveUp(): void {
    this.#handshakeWanted = false;
    this.#handshakes.forgetPending();
    this.#dropStaged();
  }

  /** Forgets every session and handshake, and what waits for one; the peer stays. */
  #forgetAll(): void {
    this.#giveUp();
    this.#keypairs.clear();
  }

  /** The device's identity has changed: nothing of the old one may go on. */
  resetIdentity(remote: RemoteIdentity): void {
    this.remote = remote;
    this.#forgetAll();
    this.#timers.stopInitiating();
  }

  /** Ends everything, timers too. */
  remove(): void {
    this.#removed = true;
    this.#forgetAll();
    this.#timers.remove();
  }

  #dropStaged(): void {
    this.counters.stagedDropped += this.#staged.length;
    this.#staged.length = 0;
  }
}

/** Plaintext is padded to a multiple of 16, but never beyond the MTU (a larger packet was accepted as it is). */
export function paddedLength(length: number, mtu: number): number {
  const padded = (length + PADDING_MULTIPLE - 1) & -PADDING_MULTIPLE;
  return Math.max(length, Math.min(padded, mtu));
}

/** What an index of ours stands for. */
export interface IndexEntry<P> {
  readonly peer: Peer<P>;
  /** Undefined while the index names an initiation of ours. */
  readonly keypair: Keypair | undefined;
}
