import { EAGAIN, EINTR, EIO, errnoText } from '../libc/errno.js';
import { linuxLibc, type Arena, type LinuxLibc } from '../libc/libc.js';
import { SystemCallError } from '../libc/system-call-error.js';

export const TUN_FILE = '/dev/net/tun';
const O_RDWR = 0o2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
/** linux/if.h, with the closing NUL. */
const IFNAMSIZ = 16;
/** linux/if_tun.h */
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_TUN_EXCL = 0x8000;
const POLLIN = 0x1;
const POLLERR = 0x8;
const POLLHUP = 0x10;
const POLLNVAL = 0x20;

/** A poll(2) that never returns would keep the process from ending; the eventfd makes stop prompt, this makes it certain. */
const POLL_TIMEOUT_MS = 250;
/** Packets per turn of the event loop, so that a busy device does not starve the sockets. */
const READ_BATCH = 64;
const PACKET_MAX_BYTES = 65535;

/** Layout of the arena: two pollfd (8 bytes each), the ifreq or eventfd counter, then one packet in and one out. */
const POLL_FDS = 0;
const SCRATCH = 64;
const READ_BUFFER = 4096;
const WRITE_BUFFER = READ_BUFFER + 65536;
const ARENA_BYTES = WRITE_BUFFER + 65536;

export interface TunEvents {
  /** An IP packet that the system routed to the interface. The bytes are valid only during the call. */
  onPacket(packet: Uint8Array): void;
  /** The device is gone (deleted from outside), with the reason for people; nothing more will be read. */
  onLost(reason: string): void;
}

/**
 * A Linux TUN device (Documentation/networking/tuntap): IP packets without a header of the driver's. Waiting happens in
 * poll(2) on a pool thread, reading and writing on the main thread without ever blocking.
 */
export class TunDevice {
  readonly name: string;
  /** Packets that the kernel did not take, by reason. */
  readonly writeDrops = { full: 0, down: 0, refused: 0 };
  readonly #libc: LinuxLibc;
  readonly #arena: Arena;
  readonly #tunFd: number;
  readonly #wakeFd: number;
  #events: TunEvents | undefined;
  #polling = false;
  #closing = false;
  #closed: (() => void) | undefined;

  private constructor(name: string, libc: LinuxLibc, arena: Arena, tunFd: number, wakeFd: number) {
    this.name = name;
    this.#libc = libc;
    this.#arena = arena;
    this.#tunFd = tunFd;
    this.#wakeFd = wakeFd;
  }

  /**
   * Creates the interface; it disappears when the device is closed or the process ends.
   * @throws RangeError for a name that does not fit. @throws NativeCodeError
   * @throws SystemCallError of `open`: ENOENT, ENODEV or ENXIO without the device file or its driver, EACCES, EPERM;
   * of `ioctl`: EPERM without CAP_NET_ADMIN, EBUSY for a name that is taken; of `eventfd`.
   */
  static open(name: string): TunDevice {
    const nameBytes = Buffer.from(name);
    if (nameBytes.length === 0 || nameBytes.length >= IFNAMSIZ)
      throw new RangeError(`no name for an interface: ${name}`);
    const system = linuxLibc();
    const arena = system.arena(ARENA_BYTES);
    const tunFd = system.open(TUN_FILE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tunFd < 0) throw new SystemCallError(`cannot open ${TUN_FILE}`, 'open', system.errno());
    arena.bytes.fill(0, SCRATCH, SCRATCH + 40);
    arena.bytes.set(nameBytes, SCRATCH);
    // EXCL: without it the kernel would attach us to a persistent TUN device that somebody else made.
    arena.view.setUint16(SCRATCH + IFNAMSIZ, IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL, true);
    if (system.ioctl(tunFd, TUNSETIFF, arena.address + SCRATCH) < 0) {
      const errno = system.errno();
      system.close(tunFd);
      throw new SystemCallError(`cannot create the interface ${name}`, 'ioctl', errno);
    }
    const wakeFd = system.eventfd(0, O_NONBLOCK | O_CLOEXEC);
    if (wakeFd < 0) {
      const errno = system.errno();
      system.close(tunFd);
      throw new SystemCallError('cannot create an eventfd', 'eventfd', errno);
    }
    return new TunDevice(name, system, arena, tunFd, wakeFd);
  }

  /** Begins to read. The interface should be up: a TUN device that is down has nothing to read. */
  start(events: TunEvents): void {
    if (this.#closing || this.#events) return;
    this.#events = events;
    this.#poll();
  }

  /** Hands an IP packet to the system. Never throws or blocks: what the kernel does not take is dropped and counted. */
  write(packet: Uint8Array): void {
    if (this.#closing || packet.length > PACKET_MAX_BYTES) return;
    this.#arena.bytes.set(packet, WRITE_BUFFER);
    if (this.#libc.write(this.#tunFd, this.#arena.address + WRITE_BUFFER, packet.length) >= 0) return;
    const errno = this.#libc.errno();
    if (errno === EAGAIN) this.writeDrops.full++;
    else if (errno === EIO) this.writeDrops.down++;
    else this.writeDrops.refused++;
  }

  /** Removes the interface. Resolves when no thread uses the descriptors any more, at most some milliseconds later. Idempotent. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#polling) {
      await new Promise<void>((resolve) => {
        this.#closed = resolve;
        this.#arena.view.setBigUint64(SCRATCH, 1n, true);
        this.#libc.write(this.#wakeFd, this.#arena.address + SCRATCH, 8);
      });
    }
    this.#libc.close(this.#tunFd);
    this.#libc.close(this.#wakeFd);
  }

  #poll(): void {
    const { view, address } = this.#arena;
    view.setInt32(POLL_FDS, this.#tunFd, true);
    view.setUint32(POLL_FDS + 4, POLLIN, true);
    view.setInt32(POLL_FDS + 8, this.#wakeFd, true);
    view.setUint32(POLL_FDS + 12, POLLIN, true);
    this.#polling = true;
    this.#libc.pollAsync(address + POLL_FDS, 2, POLL_TIMEOUT_MS, this.#onPolled);
  }

  readonly #onPolled = (ready: number): void => {
    this.#polling = false;
    if (this.#closing) {
      this.#closed?.();
      return;
    }
    const revents = ready > 0 ? this.#arena.view.getUint16(POLL_FDS + 6, true) : 0;
    if (revents & (POLLERR | POLLHUP | POLLNVAL)) {
      this.#lost('the device is gone');
      return;
    }
    if (revents & POLLIN) this.#readBatch();
    else this.#poll();
  };

  readonly #readBatch = (): void => {
    for (let i = 0; i < READ_BATCH; i++) {
      if (this.#closing) return;
      const sizeBytes = this.#libc.read(this.#tunFd, this.#arena.address + READ_BUFFER, PACKET_MAX_BYTES);
      if (sizeBytes > 0) {
        this.#events?.onPacket(this.#arena.bytes.subarray(READ_BUFFER, READ_BUFFER + sizeBytes));
        continue;
      }
      const errno = sizeBytes < 0 ? this.#libc.errno() : EAGAIN;
      if (errno === EINTR) continue;
      if (errno === EAGAIN || errno === EIO) this.#poll();
      else this.#lost(errnoText(errno));
      return;
    }
    // More may wait: let the sockets and timers have their turn, then go on without a round trip through poll(2).
    setImmediate(this.#readBatch);
  };

  #lost(reason: string): void {
    this.#events?.onLost(reason);
  }
}
