import type { Counters, PublicKey } from '@wirepath/core/plugin';
import { DGRAM_SOCKET_BYTES, PacketMemory, TUN_BYTES, UDP_BATCHES_BYTES, UdpBatches } from '@wirepath/linux';
import { choosePacketCipher, type ChosenCipher } from '../crypto/choose-packet-cipher.js';
import type { EventThrottle } from '../events/event-throttle.js';
import type { Mishaps } from '../events/mishaps.js';
import type { TransportEvents } from '../events/transport-events.js';
import { InProcessPort } from '../inner/in-process-port.js';
import type { InnerSide } from '../inner/inner-side.js';
import { TunInterface } from '../inner/tun-interface.js';
import { Device } from '../protocol/device.js';
import { PacketBuffers } from '../protocol/packet-buffers.js';
import type { DevicePeer, DeviceSink } from '../protocol/sink.js';
import { tunOffloads, udpOffloads } from '../offloads.js';
import { samePacketPath, type PacketPath } from '../sockets/packet-path.js';
import { Sockets } from '../sockets/sockets.js';
import { routingTable, type FirewallMark } from '../system/firewall-mark.js';
import { sourceBytes } from './cookie-source.js';
import type { EmbeddedTransportNeeds, EmbeddedTransportOptions } from './embedded-options.js';

/** Beside the packets themselves: ciphers. */
const SCRATCH_BYTES = 64 << 10;
const PACKET_MAX_BYTES = 65_535;

/** @param not what is not in use, each with the reason. */
function wordsOf(used: readonly string[], not: readonly string[]): string {
  const words = used.length === 0 ? 'one by one' : used.join(', ');
  return not.length === 0 ? words : `${words} (not ${not.join('; ')})`;
}

export interface DataPlaneParts {
  readonly needs: EmbeddedTransportNeeds;
  readonly options: EmbeddedTransportOptions;
  readonly mark: FirewallMark;
  readonly counters: Counters;
  readonly mishaps: Mishaps;
  readonly events: TransportEvents;
}

/**
 * The way of packets: sockets, the device, and the inner side, on one packet memory. What comes in, on either side, comes in batches;
 * what it leads to goes out when the batch ends.
 */
export class DataPlane {
  readonly sockets: Sockets;
  /** Undefined where packets stay in this process. */
  readonly tun: TunInterface | undefined;
  /** Undefined where there is a device. */
  readonly port: InProcessPort | undefined;
  readonly #inner: InnerSide;
  readonly #parts: DataPlaneParts;
  readonly #memory: PacketMemory;
  readonly #buffers: PacketBuffers;
  readonly #throttles = new Map<DevicePeer<PacketPath>, EventThrottle>();
  /** What the batch is to be told of. */
  readonly #untold: (() => void)[] = [];
  #device: Device<PacketPath> | undefined;
  #chosen: ChosenCipher | undefined;
  /** Why datagrams go one by one. */
  #unbatched: string | undefined;
  /** One look at the clock for the packets of a batch. */
  #batchNowMs: number | undefined;
  #timer: Disposable | undefined;
  #timerDueMs = Infinity;
  #stopped = false;

  constructor(parts: DataPlaneParts) {
    this.#parts = parts;
    const { needs, options, mark, counters, mishaps } = parts;
    const { node, logger, guard, clock } = needs;
    const isTun = options.tun ?? true;
    const sizes = [
      PacketBuffers.SIZE_BYTES,
      DGRAM_SOCKET_BYTES,
      UDP_BATCHES_BYTES,
      isTun ? TUN_BYTES : 0,
      SCRATCH_BYTES,
    ];
    this.#memory = new PacketMemory(sizes.reduce((sum, size) => sum + size));
    const buffers = (this.#buffers = new PacketBuffers(this.#memory));
    buffers.opened.onFull = () => this.#handOn();
    if (isTun) {
      const table = routingTable(node.interfaceName, options.fwmark);
      const onLoop = (packet: Uint8Array) => mishaps.looped(packet, mark.value);
      const onPacket = (offset: number, sizeBytes: number) => this.#handlePacket(offset, sizeBytes);
      const onBatchEnd = () => this.settle();
      const avoid = tunOffloads(options.avoid ?? []);
      const common = { node, mark, table, logger, clock, guard, counters, buffers, avoid };
      this.#inner = this.tun = new TunInterface({ ...common, onPacket, onBatchEnd, onLoop });
    } else {
      this.#inner = this.port = new InProcessPort((packet) => this.#handleOwnPacket(packet), this.#memory, guard);
    }
    this.sockets = new Sockets({
      guard,
      counters,
      buffers,
      now: () => this.now(),
      onWireGuard: (offset, sizeBytes, from) => this.#handleDatagram(offset, sizeBytes, from),
      isWanted: (offset, sizeBytes) =>
        this.#device?.isWanted(offset, sizeBytes, (this.#batchNowMs ??= this.now())) ?? true,
      onBatchEnd: () => this.settle(),
      onRemote: (ip) => this.#inner.addEndpoint(ip),
      onSendFailed: (code) => mishaps.sendFailed(code),
      openSocket: options.openSocket,
      onAddresses: (ips) => this.tun?.setMachineAddresses(ips),
      follow: options.openSocket ? undefined : { clock, logger, ownInterface: node.interfaceName, mark: mark.value },
    });
  }

  get inner(): InnerSide {
    return this.#inner;
  }

  /** From {@link open} on. */
  get device(): Device<PacketPath> | undefined {
    return this.#device;
  }

  /** Makes the device. @throws CodedError CONFIG for a cipher that is pinned and does not work here. */
  open(onRange: (cidr: string, isRouted: boolean) => void): void {
    const { identity, random, clock, node } = this.#parts.needs;
    if (this.#parts.options.crypto !== undefined) this.#cipher();
    const privateKey = identity.exportPrivateKey();
    this.#device = new Device({
      privateKey,
      buffers: this.#buffers,
      cipher: () => this.#cipher(),
      sink: this.#sink,
      samePath: samePacketPath,
      sourceBytes,
      random: (sizeBytes) => random.bytes(sizeBytes),
      wallClockMs: () => clock.unixMs(),
      mtu: node.mtu,
      onRange,
    });
    privateKey.fill(0);
  }

  /** What takes native code, and so does not stand in the way of the first datagrams: batches, and the cipher. */
  speedUp(): void {
    this.#cipher();
    if (this.#parts.options.openSocket !== undefined) return;
    try {
      const avoid = udpOffloads(this.#parts.options.avoid ?? []);
      this.sockets.batch(new UdpBatches(this.#memory, { avoid }));
    } catch (error) {
      this.#unbatched = error instanceof Error ? error.message : String(error);
      this.#parts.needs.logger.info('datagrams are sent and received one by one', { reason: this.#unbatched });
    }
  }

  /** How packets go here, in words. */
  describe(): Record<string, string> {
    const { offloads: datagrams } = this.sockets;
    const device = this.tun?.offloads;
    const refused = this.#chosen?.refused.map(({ name, reason }) => `${name}: ${reason}`) ?? [];
    return {
      ...(this.#chosen && { crypto: wordsOf([this.#chosen.cipher.name], refused) }),
      ...(datagrams && {
        datagrams: wordsOf(datagrams.used, this.#unbatched === undefined ? datagrams.givenUp : [this.#unbatched]),
      }),
      ...(device && { device: wordsOf(device.used, device.givenUp) }),
    };
  }

  now(): number {
    return this.#parts.needs.clock.now();
  }

  /** What is told of the peer is thinned out. */
  watch(peer: DevicePeer<PacketPath>, throttle: EventThrottle): void {
    this.#throttles.set(peer, throttle);
  }

  removePeer(publicKey: PublicKey): void {
    const peer = this.#device?.peer(publicKey);
    if (peer !== undefined) this.#throttles.delete(peer);
    this.#device?.removePeer(publicKey);
  }

  /** At the end of whatever may have had the device do something: what it gave to be delivered and sent goes out. */
  settle(): void {
    this.#batchNowMs = undefined;
    this.#handOn();
    this.#buffers.opened.clear();
    this.sockets.flush();
    this.#rearm();
    // Last, so that no packet waits for what the path engine makes of it.
    for (const tell of this.#untold.splice(0)) tell();
  }

  /** Nothing is done by itself any more. */
  stopTimer(): void {
    this.#stopped = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** To the inner side, what was opened. */
  #handOn(): void {
    this.#device?.finish();
    this.#inner.flush();
  }

  #cipher() {
    return (this.#chosen ??= choosePacketCipher(this.#memory, this.#parts.options.crypto)).cipher;
  }

  #handleOwnPacket(packet: Uint8Array): void {
    if (packet.length > PACKET_MAX_BYTES) return this.#parts.counters.count('packet.too-large');
    this.#handlePacket(this.#buffers.putPacket(packet), packet.length);
    this.settle();
  }

  /** Of the packet memory; {@link settle} follows. */
  #handlePacket(offset: number, sizeBytes: number): void {
    const { bytes } = this.#memory;
    const { events, mishaps } = this.#parts;
    events.inner.show(bytes, offset, sizeBytes);
    const now = (this.#batchNowMs ??= this.now());
    if (this.#device?.handlePacketAt(offset, sizeBytes, now) === 'no-route')
      mishaps.noPeerFor(bytes.subarray(offset, offset + sizeBytes));
  }

  /** As {@link #handlePacket}. */
  #handleDatagram(offset: number, sizeBytes: number, from: PacketPath): void {
    this.#device?.handleDatagramAt(offset, sizeBytes, from, (this.#batchNowMs ??= this.now()));
  }

  /** One timer for all: deadlines mostly move away, so an early one is left to fire in vain. */
  #rearm(): void {
    const dueMs = this.#device?.nextTimeout();
    if (dueMs === undefined || dueMs >= this.#timerDueMs || this.#stopped) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerDueMs = dueMs;
    const delayMs = Math.max(1, Math.ceil(dueMs - this.now()));
    this.#timer = this.#parts.needs.clock.setTimeout(this.#onTimer, delayMs);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerDueMs = Infinity;
    // Whatever fails, the timer is armed again: it is all peers' only one.
    this.#parts.needs.guard.run('WireGuard timer', () => this.#device?.handleTimeout(this.now()));
    this.settle();
  };

  readonly #sink: DeviceSink<PacketPath> = {
    send: (offset, sizeBytes, paths) => this.sockets.sendOnAll(paths, offset, sizeBytes),
    reply: (offset, sizeBytes, to) => this.sockets.reply(to, offset, sizeBytes),
    deliver: (offset, sizeBytes) => this.#inner.deliver(offset, sizeBytes),
    onHandshake: ({ publicKey }, { unixMs }) => {
      const { mishaps, events } = this.#parts;
      mishaps.shookHands(publicKey);
      this.#untold.push(() => events.handshake.tell({ publicKey, atUnixMs: unixMs }));
    },
    onHandshakeRefused: (why, publicKey, { remote }) => this.#parts.mishaps.handshakeRefused(why, publicKey, remote),
    onOverload: () => this.#parts.mishaps.overloaded(),
    onAuthenticated: (peer, from, _kind, now) => {
      this.sockets.authenticated(from);
      const { path } = from;
      if (this.#throttles.get(peer)?.admitAuthenticated(path, now))
        this.#untold.push(() => this.#parts.events.authenticated.tell({ publicKey: peer.publicKey, path }));
    },
    onSent: (peer, now) => {
      if (this.#throttles.get(peer)?.admitSent(now))
        this.#untold.push(() => this.#parts.events.sent.tell({ publicKey: peer.publicKey }));
    },
    onSourceNotAllowed: ({ publicKey }, source) => this.#parts.mishaps.sourceNotAllowed(publicKey, source),
    onPathWanted: (peer, now) => {
      if (this.#throttles.get(peer)?.admitPathWanted(now))
        this.#untold.push(() => this.#parts.events.pathWanted.tell({ publicKey: peer.publicKey }));
    },
  };
}
