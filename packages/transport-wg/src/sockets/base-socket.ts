import { sameAddress, type Base, type Counters, type Guard } from '@wirepath/core/plugin';
import type { PacketMemory, SocketAddress, UdpBatches } from '@wirepath/linux';
import type { PacketPath, PathSocket } from './packet-path.js';
import type { Source, SourceAddress } from './path-source.js';
import { SocketEnd, type SocketEndEvents } from './socket-end.js';
import { SourceMemory, type WayOf } from './source-memory.js';
import type { OpenUdpSocket, UdpSocket } from './udp-socket.js';

/** How exactly it is known when a path was last heard: a fraction of what a source is remembered by. */
const HEARD_STEP_MS = 100;

interface BaseSocketParts {
  readonly memory: PacketMemory;
  readonly counters: Counters;
  readonly guard: Guard;
  readonly events: SocketEndEvents;
  /** Monotonic, ms. */
  readonly now: () => number;
  readonly wayOf: WayOf;
}

/**
 * A socket on the wildcard address of its family, and beside it, where this machine has several addresses, one at each of them:
 * to the outside they are one base. What is sent to somebody leaves from the address that he sends to, and otherwise from the
 * one that the system chooses.
 */
export class BaseSocket implements PathSocket {
  readonly base: Base;
  readonly #parts: BaseSocketParts;
  /** The one at the wildcard address. */
  readonly wildcard: SocketEnd;
  readonly #members = new Set<SocketEnd>();
  readonly #sources: SourceMemory;
  #batches: UdpBatches | undefined;
  /** Where the datagram that is being handled came in: an answer leaves from there. */
  #arriving: PacketPath | undefined;

  private constructor(base: Base, socket: UdpSocket, parts: BaseSocketParts) {
    this.base = base;
    this.#parts = parts;
    this.#sources = new SourceMemory(parts.wayOf);
    this.wildcard = this.#end(socket, undefined, parts.events);
  }

  /** @throws what `open` throws. */
  static async bind(
    options: BaseSocketParts & { id: string; family: 4 | 6; port: number; shared: boolean; open: OpenUdpSocket },
  ): Promise<BaseSocket> {
    const { id, family, port, shared, open, ...parts } = options;
    const socket = await open(family, port);
    const base: Base = Object.freeze({ id, family, port: socket.address().port, shared });
    return new BaseSocket(base, socket, parts);
  }

  /** All sockets, that at the wildcard address first. */
  ends(): SocketEnd[] {
    return [this.wildcard, ...this.#members];
  }

  /** Takes a socket at one address and this base's port. */
  addMember(socket: UdpSocket, address: SourceAddress): SocketEnd {
    const { events } = this.#parts;
    const member = this.#end(socket, address, {
      ...events,
      onDatagram: (path, offset, sizeBytes) => {
        this.#arriving = path;
        try {
          events.onDatagram(path, offset, sizeBytes);
        } finally {
          this.#arriving = undefined;
        }
      },
    });
    if (this.#batches !== undefined) member.batch(this.#batches);
    this.#members.add(member);
    return member;
  }

  removeMember(member: SocketEnd): Promise<void> {
    this.#members.delete(member);
    const closing = member.close();
    this.#sources.version++;
    return closing;
  }

  /** All its sockets, those to come too, work in batches from here on. @throws what keeps the system from it. */
  batch(batches: UdpBatches): void {
    for (const end of this.ends()) end.batch(batches);
    this.#batches = batches;
  }

  /** Never throws. Queued until the next flush of the socket that it leaves from. @param path leads to `to`, from this base. */
  send(offset: number, sizeBytes: number, to: SocketAddress, path: PacketPath): void {
    const from = this.#members.size === 0 ? this.wildcard : this.#sourceFor(path);
    from.send(offset, sizeBytes, to);
  }

  /** As {@link send}, to whoever asked: nothing is remembered of him. */
  reply(offset: number, sizeBytes: number, to: SocketAddress, path: PacketPath): void {
    const asked = path.source;
    (this.#sources.isUsable(asked) ? asked : this.wildcard).send(offset, sizeBytes, to);
  }

  /** What came in on this path is authentic: see {@link SourceMemory}. */
  authenticated(path: PacketPath): void {
    if (this.#members.size === 0) return;
    const now = this.#parts.now();
    const { version } = this.#sources;
    if (path.heardIn === version && now - path.heardAtMs < HEARD_STEP_MS) return;
    this.#sources.heard(path.remote, path.source, now);
    path.heardAtMs = now;
    path.heardIn = this.#sources.version;
  }

  /** What was sent as this came in arrives, and was answered: see {@link SourceMemory}. */
  confirmed(path: PacketPath): void {
    if (this.#members.size > 0) this.#sources.confirmed(path.remote, path.source, this.#parts.now());
  }

  /** Routes or addresses may have changed. */
  review(): void {
    this.#sources.review();
  }

  async close(): Promise<void> {
    this.#sources.clear();
    await Promise.all([this.wildcard.close(), ...Array.from(this.#members, (member) => member.close())]);
    this.#members.clear();
  }

  #sourceFor(path: PacketPath): Source {
    const asked = this.#arriving;
    if (asked !== undefined && (asked === path || sameAddress(asked.remote, path.remote))) {
      const { source } = asked;
      if (this.#sources.isUsable(source)) {
        this.#sources.answered(asked.remote, source, this.#parts.now());
        return source;
      }
    }
    const { chosen } = path;
    if (chosen?.isOpen === true && path.chosenIn === this.#sources.version) return chosen;
    const remembered = this.#sources.find(path.remote);
    path.chosen = remembered ?? (this.#sources.isUsable(path.source) ? path.source : this.wildcard);
    path.chosenIn = this.#sources.version;
    return path.chosen;
  }

  #end(socket: UdpSocket, address: SourceAddress | undefined, events: SocketEndEvents): SocketEnd {
    const { memory, counters, guard } = this.#parts;
    return new SocketEnd({ owner: this, base: this.base, socket, address, memory, counters, guard, events });
  }
}
