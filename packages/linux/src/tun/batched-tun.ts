import { EAGAIN, EBADF, EINTR, EIO, errnoName } from '../libc/errno.js';
import { linuxLibc, type LinuxLibc } from '../libc/libc.js';
import { SystemCallError } from '../libc/system-call-error.js';
import type { ReadableWatch } from '../loop/readable-watch.js';
import { throwUncaught } from '../loop/throw-uncaught.js';
import { watchReadable } from '../loop/watch-readable.js';
import type { PacketMemory } from '../memory/packet-memory.js';
import { Checksum } from './checksum.js';
import { createCoalescer, COALESCER_BYTES, type Coalescer } from './coalescer.js';
import { VNET_HEADER_BYTES } from './ip-headers.js';
import { createSegmenter, type Segmenter } from './segmenter.js';

export const TUN_FILE = '/dev/net/tun';
const O_RDWR = 0o2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
/** linux/if.h, with the closing NUL. */
const IFNAMSIZ = 16;
const IFREQ_BYTES = 40;
/** linux/if_tun.h */
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_TUN_EXCL = 0x8000;
const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO6 = 0x04;
const TUN_F_TSO_ECN = 0x08;
const TUN_F_USO4 = 0x20;
const TUN_F_USO6 = 0x40;
const TSO = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
const USO = TUN_F_USO4 | TUN_F_USO6;

/** Reads for one wake-up, so that a busy device does not starve the sockets. */
const READS_MAX = 64;
const MARGIN_BYTES = 64;
/** A packet, or what offloading makes of many, behind a header; so that the packet begins at a multiple of 16. */
const READ_BYTES = 65_536 + VNET_HEADER_BYTES;
const READ_SLOT_BYTES = READ_BYTES + 2 * MARGIN_BYTES + 6;
/** Of packet memory, with what alignment takes. */
export const TUN_BYTES = READ_SLOT_BYTES + IFREQ_BYTES + COALESCER_BYTES + 4 * 64;

/** What may not be used, where it is broken, or in order to see what it wins. */
export const TUN_OFFLOADS = ['tso', 'uso'] as const;
export type TunOffload = (typeof TUN_OFFLOADS)[number];

/** What one of these throws is the process's `uncaughtException`; the others are called as if nothing had been. */
export interface BatchedTunEvents {
  /**
   * An IP packet that the system routed to the interface, in the packet memory and valid during the call. The 64 bytes before it may
   * be overwritten; what lies behind it is the next packet's.
   */
  packet(offset: number, sizeBytes: number): void;
  /** After one or more packets: what they led to can leave now. */
  batchEnd(): void;
  /** The device is gone (deleted from outside), with the reason for people; nothing more will be read. */
  lost(reason: string): void;
}

/**
 * A Linux TUN device (Documentation/networking/tuntap) that gives and takes many packets at a time, on a packet memory: with a
 * virtio_net_hdr before each, the kernel leaves segmentation and checksums to us, and takes what we have joined. Nothing blocks.
 */
export class BatchedTun {
  readonly name: string;
  /** Packets that the kernel did not take, by reason. */
  readonly writeDrops = { full: 0, down: 0, refused: 0 };
  readonly #libc: LinuxLibc;
  readonly #memory: PacketMemory;
  readonly #fd: number;
  readonly #read: number;
  readonly #segmenter: Segmenter;
  readonly #coalescer: Coalescer;
  readonly #hasHeader: boolean;
  readonly #givenUp: string[] = [];
  #events: BatchedTunEvents | undefined;
  #watch: ReadableWatch | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Creates the interface; it disappears when the device is closed or the process ends. Takes {@link TUN_BYTES} of the memory with
   * the first device on it; another one may follow when that is closed.
   * @throws RangeError for a name that does not fit. @throws NativeCodeError
   * @throws SystemCallError of `open`: ENOENT, ENODEV or ENXIO without the device file or its driver, EACCES, EPERM;
   * of `ioctl`: EPERM without CAP_NET_ADMIN, EBUSY for a name that is taken.
   */
  static open(
    name: string,
    memory: PacketMemory,
    { avoid = [] }: { readonly avoid?: readonly TunOffload[] } = {},
  ): BatchedTun {
    const nameBytes = Buffer.from(name);
    if (nameBytes.length === 0 || nameBytes.length >= IFNAMSIZ)
      throw new RangeError(`no name for an interface: ${name}`);
    const libc = linuxLibc();
    const fd = libc.open(TUN_FILE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) throw new SystemCallError(`cannot open ${TUN_FILE}`, 'open', libc.errno());
    try {
      return new BatchedTun(name, nameBytes, memory, libc, fd, new Set(avoid));
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  private constructor(
    name: string,
    nameBytes: Uint8Array,
    memory: PacketMemory,
    libc: LinuxLibc,
    fd: number,
    avoid: ReadonlySet<TunOffload>,
  ) {
    this.name = name;
    this.#libc = libc;
    this.#memory = memory;
    this.#fd = fd;
    const rooms = roomsIn(memory);
    // So that what follows the header is aligned.
    this.#read = rooms.read + MARGIN_BYTES + 6;
    this.#hasHeader = this.#create(rooms.request, nameBytes, avoid);
    this.#segmenter = createSegmenter(memory, rooms.checksum);
    this.#coalescer = rooms.coalescer;
    this.#coalescer.write = (vectors, count) => this.#writeVectors(vectors, count);
    const { tso, uso } = this.#offload(avoid);
    this.#coalescer.tcp = tso;
    this.#coalescer.udp = uso;
  }

  /** What it makes use of, and what it has given up, with the reason; for people. */
  get offloads(): { readonly used: readonly string[]; readonly givenUp: readonly string[] } {
    const { tcp, udp } = this.#coalescer;
    return { used: [...(tcp ? ['TSO'] : []), ...(udp ? ['USO'] : [])], givenUp: this.#givenUp };
  }

  /** Packets of the kernel's that made no sense. */
  get malformed(): number {
    return this.#segmenter.malformed;
  }

  /** Begins to read. The interface should be up: a TUN device that is down has nothing to read. */
  start(events: BatchedTunEvents): void {
    if (this.#closing !== undefined || this.#events !== undefined) return;
    this.#events = events;
    this.#watch = watchReadable(this.#fd, () => this.#readBatch(events));
  }

  /** Hands an IP packet to the system with the next {@link flush} at the latest; until then it stays as it is. Never throws. */
  write(offset: number, sizeBytes: number): void {
    if (this.#closing === undefined) this.#coalescer.add(offset, sizeBytes);
  }

  flush(): void {
    if (this.#closing === undefined) this.#coalescer.flush();
  }

  /** Removes the interface. Idempotent. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.flush();
      this.#closing = (this.#watch?.close() ?? Promise.resolve()).then(() => {
        this.#libc.close(this.#fd);
      });
    }
    return this.#closing;
  }

  /** @returns whether each packet has a virtio_net_hdr before it. */
  #create(request: number, name: Uint8Array, avoid: ReadonlySet<TunOffload>): boolean {
    const { bytes, view, address } = this.#memory;
    const set = (flags: number) => {
      bytes.fill(0, request, request + IFREQ_BYTES);
      bytes.set(name, request);
      // EXCL: without it the kernel would attach us to a persistent TUN device that somebody else made.
      view.setUint16(request + IFNAMSIZ, IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL | flags, true);
      return this.#libc.ioctl(this.#fd, TUNSETIFF, address + request) < 0 ? this.#libc.errno() : 0;
    };
    const wanted = avoid.has('tso') && avoid.has('uso') ? 0 : IFF_VNET_HDR;
    let errno = set(wanted);
    if (errno !== 0 && wanted !== 0 && errnoName(errno) === 'EINVAL') {
      this.#givenUp.push(`TSO, USO: ${errnoName(errno)}`);
      errno = set(0);
      if (errno === 0) return false;
    }
    if (errno !== 0) throw new SystemCallError(`cannot create the interface ${this.name}`, 'ioctl', errno);
    return wanted !== 0;
  }

  /** Asks the kernel for as much as it has. */
  #offload(avoid: ReadonlySet<TunOffload>): { tso: boolean; uso: boolean } {
    if (!this.#hasHeader) return { tso: false, uso: false };
    const offer = (flags: number) =>
      this.#libc.ioctl(this.#fd, TUNSETOFFLOAD, flags) < 0 ? errnoName(this.#libc.errno()) : undefined;
    const withTso = avoid.has('tso') ? TUN_F_CSUM : TSO;
    if (!avoid.has('uso')) {
      const refused = offer(withTso | USO);
      if (refused === undefined) return { tso: !avoid.has('tso'), uso: true };
      this.#givenUp.push(`USO: ${refused}`);
    }
    const refused = offer(withTso);
    if (refused === undefined) return { tso: !avoid.has('tso'), uso: false };
    this.#givenUp.push(`TSO: ${refused}`);
    return { tso: false, uso: false };
  }

  #readBatch(events: BatchedTunEvents): void {
    const { address } = this.#memory;
    const emit = (offset: number, sizeBytes: number) => {
      try {
        events.packet(offset, sizeBytes);
      } catch (error) {
        throwUncaught(error);
      }
    };
    let packets = 0;
    try {
      for (; packets < READS_MAX && this.#closing === undefined; packets++) {
        const size = this.#libc.read(this.#fd, address + this.#read, READ_BYTES);
        if (size < 0) {
          const errno = this.#libc.errno();
          if (errno === EINTR) continue;
          if (errno !== EAGAIN) this.#failed(errno, events);
          return;
        }
        if (!this.#hasHeader) emit(this.#read, size);
        else if (size > VNET_HEADER_BYTES) this.#segmenter.split(this.#read, size, emit);
      }
    } finally {
      if (packets > 0) events.batchEnd();
    }
  }

  #failed(errno: number, events: BatchedTunEvents): void {
    // Down: there is nothing to read until it is up again.
    if (errno === EIO) return;
    void this.#watch?.close();
    events.lost(errno === EBADF || errnoName(errno) === 'EBADFD' ? 'the device is gone' : errnoName(errno));
  }

  #writeVectors(vectors: number, count: number): 'taken' | 'dropped' | 'refused' {
    // Without a header before the packets, the first vector is left out.
    const skipped = this.#hasHeader ? 0 : 1;
    for (;;) {
      if (this.#libc.writev(this.#fd, vectors + 16 * skipped, count - skipped) >= 0) return 'taken';
      const errno = this.#libc.errno();
      if (errno === EINTR) continue;
      if (errno === EAGAIN) this.writeDrops.full++;
      else if (errno === EIO) this.writeDrops.down++;
      else if (count > 2) {
        this.#givenUp.push(`joined packets: ${errnoName(errno)}`);
        return 'refused';
      } else this.writeDrops.refused++;
      return 'dropped';
    }
  }
}

interface Rooms {
  readonly read: number;
  readonly request: number;
  readonly checksum: Checksum;
  readonly coalescer: Coalescer;
}

/** Of each memory once: a device that somebody deletes is followed by another. */
const roomsOfMemory = new WeakMap<PacketMemory, Rooms>();

function roomsIn(memory: PacketMemory): Rooms {
  const known = roomsOfMemory.get(memory);
  if (known !== undefined) return known;
  const checksum = new Checksum(memory);
  const rooms = {
    read: memory.reserve(READ_SLOT_BYTES),
    request: memory.reserve(IFREQ_BYTES),
    checksum,
    coalescer: createCoalescer(memory, checksum),
  };
  roomsOfMemory.set(memory, rooms);
  return rooms;
}
