import {
  pathKey,
  samePath,
  type Clock,
  type PacketPort,
  type PublicKey,
  type RandomSource,
  type ReceivedDatagram,
  type Transport,
  type TransportAddress,
  type TransportCapabilities,
  type TransportPath,
  type TransportPeer,
  type TransportPeerStats,
} from '@wirepath/core';
import { Listeners } from '@wirepath/core/plugin';
import { VirtualDatagrams } from '../network/virtual-datagrams.js';
import type { VirtualHost } from '../network/virtual-host.js';
import { AllowedIps, destinationOf, sourceOf } from './allowed-ips.js';
import { decodeTransportMessage, encodeTransportMessage, type TransportMessage } from './transport-message.js';

export interface MemoryTransportNeeds {
  readonly publicKey: PublicKey;
  readonly host: VirtualHost;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** @default 51820 */
  readonly port?: number;
}

interface PeerState {
  settings: TransportPeer;
  allowed: AllowedIps;
  paths: readonly TransportPath[];
  /** Of the session with which packets are sent; undefined before the first handshake. */
  session: string | undefined;
  /** Sessions whose packets are taken: WireGuard's previous, current and next. */
  readonly accepted: string[];
  /** Of the initiation that is under way. */
  pending: { readonly session: string; readonly sentAtMs: number; readonly retry: Disposable } | undefined;
  /** The responder's session counts once a packet has come under it. */
  unconfirmed: string | undefined;
  readonly waiting: Uint8Array[];
  readonly seen: Set<string>;
  sent: number;
  /** When listeners were last told: of packets by path, and of data sent. */
  readonly toldAtMs: Map<string, number>;
  lastHandshakeMs: number | null;
  rxBytes: number;
  txBytes: number;
  keepalive: Disposable | undefined;
}

/** WireGuard's own (REKEY_TIMEOUT), and the least distance of two initiations. */
const REKEY_TIMEOUT_MS = 5000;
const INITIATION_SPACING_MS = 50;
const MAX_WAITING = 64;
/** As the contract has it. */
const TELL_SPACING_MS = 20;
const MAX_TOLD = 64;
const SEEN_WINDOW = 2048;

/**
 * A transport on a virtual network that behaves as WireGuard does towards the core (handshakes, sessions, replay window,
 * allowed IPs, several paths at once) with packets that are authenticated by construction: they say who sent them.
 */
export class MemoryTransport implements Transport {
  readonly capabilities: TransportCapabilities = {
    ownsSocket: true,
    multiplePaths: true,
    relayedPaths: true,
    handshakeClock: 'epoch',
    canModifyPeer: true,
  };
  readonly #needs: MemoryTransportNeeds;
  readonly #peers = new Map<PublicKey, PeerState>();
  readonly #counters = new Map<string, number>();
  readonly #packets = new Listeners<Uint8Array>();
  readonly #handshakes = new Listeners<{ publicKey: PublicKey; atUnixMs: number }>();
  readonly #authenticated = new Listeners<{ publicKey: PublicKey; path: TransportPath }>();
  readonly #sent = new Listeners<{ publicKey: PublicKey }>();
  readonly #inner = new Listeners<Uint8Array>();
  #datagrams: VirtualDatagrams | undefined;
  #stopped = false;

  constructor(needs: MemoryTransportNeeds) {
    this.#needs = needs;
  }

  get datagrams(): VirtualDatagrams | undefined {
    return this.#datagrams;
  }

  get listenPort(): number | undefined {
    return this.#datagrams?.bases.find(({ shared }) => shared)?.port;
  }

  readonly packets: PacketPort = {
    send: (packet) => this.#route(packet),
    onPacket: (listener) => this.#packets.add(listener),
  };

  async listen({ signal }: { signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    this.open();
  }

  /** As {@link listen}, at once. */
  open(): VirtualDatagrams | undefined {
    if (this.#stopped || this.#datagrams !== undefined) return this.#datagrams;
    const { host, port } = this.#needs;
    this.#datagrams = new VirtualDatagrams(host, port === undefined ? {} : { port });
    this.#datagrams.claims = (datagram) => this.#receive(datagram);
    return this.#datagrams;
  }

  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
  }

  async stop(): Promise<void> {
    this.close();
  }

  /** As {@link stop}, at once. */
  close(): void {
    this.#stopped = true;
    for (const publicKey of [...this.#peers.keys()]) this.removePeer(publicKey);
    this.#datagrams?.close();
    this.#datagrams = undefined;
  }

  addPeer(settings: TransportPeer): void {
    if (this.#stopped) return;
    const known = this.#peers.get(settings.publicKey);
    const peer: PeerState = known ?? {
      settings,
      allowed: new AllowedIps([]),
      paths: [],
      session: undefined,
      accepted: [],
      pending: undefined,
      unconfirmed: undefined,
      waiting: [],
      seen: new Set(),
      sent: 0,
      toldAtMs: new Map(),
      lastHandshakeMs: null,
      rxBytes: 0,
      txBytes: 0,
      keepalive: undefined,
    };
    peer.settings = settings;
    peer.allowed = new AllowedIps(settings.allowedIps);
    this.#peers.set(settings.publicKey, peer);
    const path = settings.endpoint && this.#pathTo(settings.endpoint);
    if (path !== undefined) peer.paths = [path];
    this.#scheduleKeepalive(peer);
  }

  removePeer(publicKey: PublicKey): void {
    const peer = this.#peers.get(publicKey);
    peer?.pending?.retry[Symbol.dispose]();
    peer?.keepalive?.[Symbol.dispose]();
    this.#peers.delete(publicKey);
  }

  setAllowedIps(publicKey: PublicKey, allowedIps: readonly string[]): void {
    const peer = this.#peers.get(publicKey);
    if (peer === undefined) return;
    peer.settings = { ...peer.settings, allowedIps };
    peer.allowed = new AllowedIps(allowedIps);
  }

  setPath(publicKey: PublicKey, paths: readonly TransportPath[]): void {
    const peer = this.#peers.get(publicKey);
    if (peer === undefined) return;
    peer.paths = paths;
    if (peer.session !== undefined) this.#flush(peer);
  }

  initiateHandshake(publicKey: PublicKey, options: { fresh?: boolean } = {}): void {
    const peer = this.#peers.get(publicKey);
    if (peer === undefined || peer.paths.length === 0) return;
    const now = this.#needs.clock.now();
    const sinceMs = peer.pending === undefined ? Infinity : now - peer.pending.sentAtMs;
    if (sinceMs < (options.fresh === true ? INITIATION_SPACING_MS : REKEY_TIMEOUT_MS)) return;
    peer.pending?.retry[Symbol.dispose]();
    const session = Buffer.from(this.#needs.random.bytes(8)).toString('hex');
    const retry = this.#needs.clock.setTimeout(() => {
      peer.pending = undefined;
      this.initiateHandshake(publicKey);
    }, REKEY_TIMEOUT_MS);
    peer.pending = { session, sentAtMs: now, retry };
    this.#send(peer, { kind: 'initiation', session });
    if (this.#mayTell(peer, 'sent')) this.#sent.tell({ publicKey });
  }

  stats(): TransportPeerStats[] {
    return [...this.#peers].map(([publicKey, { lastHandshakeMs, rxBytes, txBytes, paths }]) => ({
      publicKey,
      lastHandshakeMs,
      rxBytes,
      txBytes,
      endpoint: paths[0]?.remote ?? null,
    }));
  }

  onHandshake(listener: (event: { publicKey: PublicKey; atUnixMs: number }) => void): Disposable {
    return this.#handshakes.add(listener);
  }

  onAuthenticated(listener: (event: { publicKey: PublicKey; path: TransportPath }) => void): Disposable {
    return this.#authenticated.add(listener);
  }

  onSent(listener: (event: { publicKey: PublicKey }) => void): Disposable {
    return this.#sent.add(listener);
  }

  /** There is nobody outside of this process who could suggest one. */
  onEndpointSuggested(): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }

  onInnerPacket(listener: (packet: Uint8Array) => void): Disposable {
    return this.#inner.add(listener);
  }

  counters(): Readonly<Record<string, number>> {
    const unclaimed = this.#datagrams?.unclaimed ?? 0;
    return { ...Object.fromEntries(this.#counters), ...(unclaimed > 0 && { 'datagram.unclaimed': unclaimed }) };
  }

  // --- Out ---

  #route(packet: Uint8Array): void {
    this.#inner.tell(packet);
    const to = destinationOf(packet);
    const peer = to === undefined ? undefined : this.#routeTo(to);
    if (peer === undefined) return this.#count('no-route');
    if (peer.waiting.length >= MAX_WAITING) {
      peer.waiting.shift();
      this.#count('queue-full');
    }
    peer.waiting.push(packet.slice());
    if (peer.session === undefined) this.initiateHandshake(peer.settings.publicKey);
    else this.#flush(peer);
  }

  #routeTo(ip: string): PeerState | undefined {
    let best: { readonly peer: PeerState; readonly bits: number } | undefined;
    for (const peer of this.#peers.values()) {
      const bits = peer.allowed.match(ip);
      if (bits !== undefined && (best === undefined || bits > best.bits)) best = { peer, bits };
    }
    return best?.peer;
  }

  #flush(peer: PeerState): void {
    const { session } = peer;
    if (session === undefined || peer.paths.length === 0) return;
    for (const packet of peer.waiting.splice(0)) {
      this.#send(peer, { kind: 'data', session, counter: peer.sent++, packet });
      if (this.#mayTell(peer, 'sent')) this.#sent.tell({ publicKey: peer.settings.publicKey });
    }
  }

  #send(peer: PeerState, message: TransportMessage, paths = peer.paths): void {
    const bytes = encodeTransportMessage(this.#needs.publicKey, message);
    for (const path of paths) {
      peer.txBytes += bytes.length;
      this.#datagrams?.send(path, bytes);
    }
    this.#scheduleKeepalive(peer);
  }

  #pathTo(remote: TransportAddress): TransportPath | undefined {
    const base = this.#datagrams?.bases.find(({ family, shared }) => shared && family === remote.family);
    return base && { kind: 'socket', base, remote };
  }

  #scheduleKeepalive(peer: PeerState): void {
    peer.keepalive?.[Symbol.dispose]();
    peer.keepalive = undefined;
    const { keepaliveSeconds = 0, publicKey } = peer.settings;
    if (keepaliveSeconds === 0) return;
    peer.keepalive = this.#needs.clock.setTimeout(() => {
      if (peer.session === undefined) this.initiateHandshake(publicKey);
      else this.#send(peer, { kind: 'data', session: peer.session, counter: peer.sent++, packet: new Uint8Array(0) });
      this.#scheduleKeepalive(peer);
    }, keepaliveSeconds * 1000);
  }

  // --- In ---

  /** @returns whether it was a packet of ours. */
  #receive({ path, bytes }: ReceivedDatagram): boolean {
    const decoded = decodeTransportMessage(bytes);
    if (decoded === undefined) return false;
    const peer = this.#peers.get(decoded.from);
    if (peer === undefined) this.#count('unknown-peer');
    else this.#accept(peer, decoded.message, path, bytes.length);
    return true;
  }

  #accept(peer: PeerState, message: TransportMessage, path: TransportPath, length: number): void {
    switch (message.kind) {
      case 'initiation':
        peer.unconfirmed = message.session;
        this.#acceptSession(peer, message.session);
        this.#heard(peer, path, length);
        return this.#send(peer, { kind: 'response', session: message.session }, [path]);
      case 'response': {
        if (peer.pending?.session !== message.session) return this.#count('no-such-handshake');
        peer.pending.retry[Symbol.dispose]();
        peer.pending = undefined;
        this.#acceptSession(peer, message.session);
        this.#heard(peer, path, length);
        this.#complete(peer, message.session);
        // The other side's session counts once it has heard a packet under it.
        if (peer.waiting.length === 0)
          this.#send(peer, { kind: 'data', session: message.session, counter: peer.sent++, packet: new Uint8Array(0) });
        return this.#flush(peer);
      }
      case 'data':
        return this.#acceptData(peer, message, path, length);
    }
  }

  #acceptData(
    peer: PeerState,
    { session, counter, packet }: Extract<TransportMessage, { kind: 'data' }>,
    path: TransportPath,
    length: number,
  ): void {
    if (!peer.accepted.includes(session)) return this.#count('no-such-session');
    const mark = `${session}/${counter}`;
    if (peer.seen.has(mark)) return this.#count('replayed');
    peer.seen.add(mark);
    if (peer.seen.size > SEEN_WINDOW) for (const oldest of peer.seen) if (peer.seen.delete(oldest)) break;
    this.#heard(peer, path, length);
    if (peer.unconfirmed === session) {
      peer.unconfirmed = undefined;
      this.#complete(peer, session);
      this.#flush(peer);
    }
    if (packet.length === 0) return;
    const source = sourceOf(packet);
    if (source === undefined || peer.allowed.match(source) === undefined) return this.#count('source-not-allowed');
    this.#packets.tell(packet);
  }

  #acceptSession(peer: PeerState, session: string): void {
    if (!peer.accepted.includes(session)) peer.accepted.push(session);
    if (peer.accepted.length > 3) peer.accepted.shift();
  }

  #complete(peer: PeerState, session: string): void {
    const atUnixMs = this.#needs.clock.unixMs();
    peer.session = session;
    peer.lastHandshakeMs = atUnixMs;
    this.#handshakes.tell({ publicKey: peer.settings.publicKey, atUnixMs });
  }

  #heard(peer: PeerState, path: TransportPath, length: number): void {
    peer.rxBytes += length;
    const { publicKey, endpoint, roaming = endpoint !== undefined } = peer.settings;
    const [current] = peer.paths;
    if (roaming && (current === undefined || !samePath(current, path))) peer.paths = [path];
    if (this.#mayTell(peer, pathKey(path))) this.#authenticated.tell({ publicKey, path });
  }

  #mayTell(peer: PeerState, what: string): boolean {
    const now = this.#needs.clock.now();
    if (now - (peer.toldAtMs.get(what) ?? -Infinity) < TELL_SPACING_MS) return false;
    // Paths are the network's to choose: not more of them are remembered than a peer ever has.
    if (peer.toldAtMs.size > MAX_TOLD) peer.toldAtMs.clear();
    peer.toldAtMs.set(what, now);
    return true;
  }

  #count(reason: string): void {
    this.#counters.set(reason, (this.#counters.get(reason) ?? 0) + 1);
  }
}
