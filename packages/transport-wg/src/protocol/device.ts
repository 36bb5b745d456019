import { randomBytes } from 'node:crypto';
import { choosePacketCipher } from '../crypto/choose-packet-cipher.js';
import type { Aead } from './aead.js';
import { HandshakeAdmission } from './admission.js';
import { AllowedIps } from './allowed-ips.js';
import { DEFAULT_MTU } from './constants.js';
import { CookieChecker } from './cookie.js';
import { KEY_BYTES, type DhKeyPair } from './crypto.js';
import { defaultAead } from './crypto-self-test.js';
import { DataReceiver } from './data-receiver.js';
import {
  loadPrivateKey,
  parsePrefixes,
  type DeviceOptions,
  type PeerConfig,
  type PeerUpdate,
} from './device-config.js';
import { newDropCounters, type DropCounters, type DropReason } from './drops.js';
import { IndexTable } from './index-table.js';
import { IPV4_DESTINATION, IPV6_DESTINATION, ipVersion } from './ip-packet.js';
import { formatKey, parseKey } from './keys.js';
import {
  decodeCookieReply,
  decodeInitiation,
  decodeResponse,
  MESSAGE_COOKIE_REPLY,
  MESSAGE_INITIATION,
  MESSAGE_RESPONSE,
  MESSAGE_TRANSPORT_DATA,
  messageType,
  readUint32,
  TRANSPORT_MIN_BYTES,
} from './messages.js';
import { readInitiation, remoteIdentity, type RemoteIdentity } from './noise.js';
import { MAX_PACKET_BYTES, type PacketBuffers } from './packet-buffers.js';
import { Peer, type IndexEntry } from './peer.js';
import { DeviceContext } from './peer-context.js';
import type { DeviceSink, DevicePeer, PacketResult } from './sink.js';
import { TimerQueue } from './timer-queue.js';

/**
 * A WireGuard device without I/O: datagrams and packets go in, and come out at the sink, at offsets into its packet memory. `now`
 * is monotonic time in ms.
 *
 * @example
 * const device = new Device({ privateKey, buffers, sink, samePath: sameAddress, sourceBytes });
 * device.addPeer({ publicKey, allowedIps: ['10.77.0.2/32'], roaming: true, paths: [path] }, now);
 * device.handlePacket(ipPacket, now); // an initiation comes out; the packet follows when the response is handed in
 */
export class Device<P> {
  readonly #sink: DeviceSink<P>;
  readonly #random: (size: number) => Uint8Array;
  readonly #aead: Aead;
  readonly #buffers: PacketBuffers;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #u32: Uint32Array;
  readonly #sourceBytes: (path: P) => Uint8Array;
  readonly #context: DeviceContext<P>;
  readonly #timers = new TimerQueue();
  readonly #indices: IndexTable<IndexEntry<P>>;
  readonly #peers = new Map<string, Peer<P>>();
  readonly #allowedIps: AllowedIps<Peer<P>>;
  readonly #admission: HandshakeAdmission;
  readonly #data: DataReceiver<P>;
  readonly #drops: DropCounters = newDropCounters();
  #local: DhKeyPair;
  #checker: CookieChecker;

  /** @throws {RangeError} when the private key is not 32 bytes. @throws {Error} when no AEAD works here. */
  constructor(options: DeviceOptions<P>) {
    this.#sink = options.sink;
    this.#random = options.random ?? randomBytes;
    this.#aead = options.aead ?? defaultAead();
    const { buffers } = options;
    this.#buffers = buffers;
    this.#bytes = buffers.memory.bytes;
    this.#view = buffers.memory.view;
    this.#u32 = buffers.memory.u32;
    this.#sourceBytes = options.sourceBytes;
    this.#allowedIps = new AllowedIps(options.onRange);
    this.#indices = new IndexTable(this.#random);
    const lookUps = { indices: this.#indices, allowedIps: this.#allowedIps, sink: this.#sink, buffers };
    this.#data = new DataReceiver({ ...lookUps, drop: (reason) => this.#drop(reason) });
    this.#admission = new HandshakeAdmission(options.underLoadHandshakesPerSecond);
    this.#local = loadPrivateKey(options.privateKey);
    this.#checker = new CookieChecker(this.#aead, this.#random, this.#local.publicKey);
    this.#context = this.#makeContext(options);
  }

  /** Our public key, base64. */
  get publicKey(): string {
    return formatKey(this.#local.publicKey);
  }

  /**
   * Changes our identity. Every session ends; a peer with our own new public key is removed.
   * @throws {RangeError} when the key is not 32 bytes.
   */
  setPrivateKey(privateKey: Uint8Array): void {
    this.#local = loadPrivateKey(privateKey);
    this.#checker = new CookieChecker(this.#aead, this.#random, this.#local.publicKey);
    this.removePeer(this.publicKey);
    for (const peer of this.#peers.values()) {
      peer.resetIdentity(this.#identity(peer.remote.publicKey, peer.remote.presharedKey));
    }
  }

  setMtu(mtu: number): void {
    this.#context.mtu = mtu;
  }

  /**
   * Changes nothing, so that a request for many peers can be refused as a whole.
   * @throws {RangeError} where a peer with this public key cannot be, whatever else it has.
   */
  checkPublicKey(publicKey: string): void {
    const key = parseKey(publicKey);
    if (key === undefined) throw new RangeError('not a WireGuard public key');
    this.#identity(key, new Uint8Array(KEY_BYTES));
  }

  /** @throws {RangeError} on a key, prefix or name that cannot be, our own key, or a peer that is there already. */
  addPeer(config: PeerConfig<P>, now: number): DevicePeer<P> {
    const { publicKey } = config;
    const key = parseKey(publicKey);
    if (key === undefined) throw new RangeError('not a WireGuard public key');
    if (this.#peers.has(publicKey)) throw new RangeError(`peer ${publicKey} exists`);
    if (publicKey === this.publicKey) throw new RangeError('a device cannot be its own peer');
    const prefixes = parsePrefixes(config.allowedIps);
    const peer: Peer<P> = new Peer(
      this.#context,
      {
        unused: () => this.#indices.unused(),
        set: (index, keypair) => this.#indices.set(index, { peer, keypair }),
        delete: (index) => this.#indices.delete(index),
      },
      publicKey,
      this.#identity(key, config.presharedKey ?? new Uint8Array(KEY_BYTES)),
      () => this.#allowedIps.of(peer),
    );
    this.#peers.set(publicKey, peer);
    for (const prefix of prefixes) this.#allowedIps.insert(prefix, peer);
    this.#apply(peer, config, now);
    return peer;
  }

  /** @returns false when there is no such peer. @throws {RangeError} as {@link addPeer}. */
  updatePeer(publicKey: string, update: PeerUpdate<P>, now: number): boolean {
    const peer = this.#peers.get(publicKey);
    if (peer === undefined) return false;
    // All that can be wrong is found before the first change.
    const prefixes = update.allowedIps && parsePrefixes(update.allowedIps);
    const { presharedKey } = update;
    const remote =
      presharedKey === undefined || Buffer.compare(presharedKey, peer.remote.presharedKey) === 0
        ? undefined
        : this.#identity(peer.remote.publicKey, presharedKey);
    if (prefixes !== undefined) this.#allowedIps.replace(peer, prefixes);
    if (remote !== undefined) peer.remote = remote;
    this.#apply(peer, update, now);
    return true;
  }

  /** @returns false when there is no such peer. */
  removePeer(publicKey: string): boolean {
    const peer = this.#peers.get(publicKey);
    if (peer === undefined) return false;
    this.#peers.delete(publicKey);
    this.#allowedIps.removePeer(peer);
    peer.remove();
    return true;
  }

  peer(publicKey: string): DevicePeer<P> | undefined {
    return this.#peers.get(publicKey);
  }

  peers(): IterableIterator<DevicePeer<P>> {
    return this.#peers.values();
  }

  /** What was dropped since the start, by reason. */
  get drops(): Readonly<DropCounters> {
    return this.#drops;
  }

  /** Whether handshakes come in faster than they are willingly computed. */
  underLoad(now: number): boolean {
    return this.#admission.underLoad(now);
  }

  /**
   * From the next packet on, the peer is sent to on every one of `paths`. @returns false when there is no such peer.
   */
  setPaths(publicKey: string, paths: readonly P[], now: number): boolean {
    const peer = this.#peers.get(publicKey);
    peer?.setPaths(paths, now);
    return peer !== undefined;
  }

  /**
   * Sends an initiation at once, or when the last is REKEY_TIMEOUT old: a request that comes too early is kept. With
   * `force`, for a path that has changed, the last one may have been lost with its path, and 50 ms are enough.
   * @returns false when there is no such peer.
   */
  initiateHandshake(publicKey: string, now: number, options: { readonly force?: boolean } = {}): boolean {
    const peer = this.#peers.get(publicKey);
    peer?.requestInitiation(now, options.force ?? false);
    return peer !== undefined;
  }

  /** Sends an empty message, or asks for a session. @returns false when there is no such peer. */
  sendKeepalive(publicKey: string, now: number): boolean {
    const peer = this.#peers.get(publicKey);
    peer?.sendKeepalive(now);
    return peer !== undefined;
  }

  /** As {@link handlePacketAt}, for a packet from elsewhere. The bytes are free again on return. */
  handlePacket(packet: Uint8Array, now: number): PacketResult {
    if (packet.length > MAX_PACKET_BYTES) return this.#dropped('outbound-malformed', 'malformed');
    return this.handlePacketAt(this.#buffers.putPacket(packet), packet.length, now);
  }

  /** Routes an inner IP packet in the packet memory to its peer. The 64 bytes before it may be overwritten. */
  handlePacketAt(offset: number, sizeBytes: number, now: number): PacketResult {
    const version = ipVersion(this.#bytes, offset, sizeBytes);
    if (version === 0) return this.#dropped('outbound-malformed', 'malformed');
    const peer =
      version === 4
        ? this.#allowedIps.lookup4(this.#bytes, offset + IPV4_DESTINATION)
        : this.#allowedIps.lookup6(this.#bytes, offset + IPV6_DESTINATION);
    if (peer === undefined) return this.#dropped('no-route', 'no-route');
    return peer.sendPacket(offset, sizeBytes, now);
  }

  /** False for one of a flood, which is counted: asked before anything else is done for a datagram. */
  isWanted(offset: number, sizeBytes: number, now: number): boolean {
    if (this.#admission.isWanted(this.#view, offset, sizeBytes, now)) return true;
    this.#drop('overload');
    this.#sink.onOverload?.();
    return false;
  }

  /** As {@link handleDatagramAt}, for a datagram from elsewhere. The bytes are free again on return. */
  handleDatagram(datagram: Uint8Array, from: P, now: number): void {
    if (datagram.length > MAX_PACKET_BYTES) this.#drop('malformed');
    else this.handleDatagramAt(this.#buffers.putDatagram(datagram), datagram.length, from, now);
    this.finish();
  }

  /**
   * Takes a datagram off the wire, in the packet memory at a multiple of 4. The 64 bytes before it, and its own, may be
   * overwritten. {@link finish} follows.
   */
  handleDatagramAt(offset: number, sizeBytes: number, from: P, now: number): void {
    const isData = sizeBytes >= TRANSPORT_MIN_BYTES && this.#u32[offset >>> 2] === MESSAGE_TRANSPORT_DATA;
    const reason = isData
      ? this.#data.receive(offset, sizeBytes, from, now)
      : this.#receiveHandshake(this.#bytes.subarray(offset, offset + sizeBytes), from, now);
    if (reason !== undefined) this.#drop(reason);
  }

  /** Hands on what was opened: after the last datagram of a batch. */
  finish(): void {
    this.#data.finish();
  }

  /** When {@link handleTimeout} has to be called next, in `now` time. */
  nextTimeout(): number | undefined {
    return this.#timers.next();
  }

  handleTimeout(now: number): void {
    this.#timers.run(now);
  }

  #receiveHandshake(datagram: Uint8Array, from: P, now: number): DropReason | undefined {
    this.finish();
    switch (messageType(datagram)) {
      case MESSAGE_INITIATION:
        return this.#admit(datagram, from, now) ?? this.#receiveInitiation(datagram, from, now);
      case MESSAGE_RESPONSE:
        return this.#admit(datagram, from, now) ?? this.#receiveResponse(datagram, from, now);
      case MESSAGE_COOKIE_REPLY:
        return this.#receiveCookieReply(datagram, now);
      case MESSAGE_TRANSPORT_DATA:
      case undefined:
        return 'malformed';
    }
  }

  #admit(datagram: Uint8Array, from: P, now: number): DropReason | undefined {
    // The index is ours, and random: who knows it has seen a message of ours.
    const isExpected = datagram[0] === MESSAGE_RESPONSE && this.#indices.get(readUint32(datagram, 8)) !== undefined;
    const source = () => this.#sourceBytes(from);
    const admission = this.#admission.admit(this.#checker, datagram, source, now, isExpected);
    if (admission === 'admitted') return undefined;
    if (admission === 'cookie') {
      const reply = this.#checker.createReply(datagram, this.#sourceBytes(from), now);
      this.#sink.reply(this.#buffers.putMessage(reply), reply.length, from);
    } else if (admission === 'mac1') this.#sink.onHandshakeRefused?.('other-key', undefined, from);
    else if (admission === 'overload') this.#sink.onOverload?.();
    return admission;
  }

  #receiveInitiation(datagram: Uint8Array, from: P, now: number): DropReason | undefined {
    const message = decodeInitiation(datagram);
    if (message === undefined) return 'malformed';
    const claimed = readInitiation(this.#aead, this.#local, message);
    if (claimed === undefined) return 'decrypt';
    const publicKey = formatKey(claimed.claimedPublicKey);
    const peer = this.#peers.get(publicKey);
    const reason = peer === undefined ? 'unknown-peer' : peer.receiveInitiation(claimed, datagram.length, from, now);
    if (reason === 'unknown-peer' || reason === 'stale-timestamp')
      this.#sink.onHandshakeRefused?.(reason, publicKey, from);
    return reason;
  }

  #receiveResponse(datagram: Uint8Array, from: P, now: number): DropReason | undefined {
    const message = decodeResponse(datagram);
    if (message === undefined) return 'malformed';
    const peer = this.#indices.get(message.receiver)?.peer;
    if (peer === undefined) return 'unknown-receiver';
    const reason = peer.receiveResponse(message, datagram.length, from, now);
    if (reason === 'decrypt') this.#sink.onHandshakeRefused?.('preshared-key', peer.publicKey, from);
    return reason;
  }

  #receiveCookieReply(datagram: Uint8Array, now: number): DropReason | undefined {
    const reply = decodeCookieReply(datagram);
    if (reply === undefined) return 'malformed';
    const peer = this.#indices.get(reply.receiver)?.peer;
    return peer === undefined ? 'unknown-receiver' : peer.receiveCookieReply(reply, now);
  }

  #drop(reason: DropReason): void {
    this.#drops[reason]++;
  }

  #dropped(reason: DropReason, result: PacketResult): PacketResult {
    this.#drop(reason);
    return result;
  }

  #apply(peer: Peer<P>, update: PeerUpdate<P>, now: number): void {
    if (update.roaming !== undefined) peer.roaming = update.roaming;
    if (update.paths !== undefined) peer.setPaths(update.paths, now);
    if (update.persistentKeepaliveSeconds !== undefined) {
      peer.setPersistentKeepalive(update.persistentKeepaliveSeconds, now);
    }
  }

  #identity(publicKey: Uint8Array, presharedKey: Uint8Array): RemoteIdentity {
    return remoteIdentity(this.#local, publicKey, presharedKey);
  }

  #makeContext({ samePath, wallClockMs = Date.now, cipher, mtu = DEFAULT_MTU }: DeviceOptions<P>): DeviceContext<P> {
    const buffers = this.#buffers;
    const lent = { aead: this.#aead, sink: this.#sink, timers: this.#timers, random: this.#random };
    return new DeviceContext(
      { ...lent, buffers, samePath, wallClockMs, mtu },
      {
        cipher: cipher ?? (() => choosePacketCipher(buffers.memory).cipher),
        local: () => this.#local,
      },
    );
  }
}
