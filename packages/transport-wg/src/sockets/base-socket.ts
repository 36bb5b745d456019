import {
  sameAddress,
  type Base,
  type Counters,
  type Guard,
  type TransportAddress,
  type TransportPath,
} from '@wirepath/core/plugin';
import { sourceOf, type Source, type SourceAddress } from './path-source.js';
import { SocketEnd } from './socket-end.js';
import { SourceMemory, type WayOf } from './source-memory.js';
import type { OpenUdpSocket, UdpSocket } from './udp-socket.js';

export interface BaseSocketEvents {
  onDatagram(path: TransportPath, bytes: Uint8Array, base: Base): void;
  /** The system did not take a datagram. @param code its reason. */
  onSendFailed?: ((code: string | undefined) => void) | undefined;
}

interface BaseSocketParts {
  readonly counters: Counters;
  readonly guard: Guard;
  readonly events: BaseSocketEvents;
  /** Monotonic, ms. */
  readonly now: () => number;
  readonly wayOf: WayOf;
}

/**
 * A socket on the wildcard address of its family, and beside it, where this machine has several addresses, one at each of them:
 * to the outside they are one base. What is sent to somebody leaves from the address that he sends to, and otherwise from the
 * one that the system chooses.
 */
export class BaseSocket {
  readonly base: Base;
  readonly #parts: BaseSocketParts;
  readonly #wildcard: SocketEnd;
  readonly #members = new Set<SocketEnd>();
  readonly #sources: SourceMemory;
  /** Where the datagram that is being handled came in: an answer leaves from there. */
  #arriving: TransportPath | undefined;

  private constructor(base: Base, socket: UdpSocket, parts: BaseSocketParts) {
    this.base = base;
    this.#parts = parts;
    this.#sources = new SourceMemory(parts.wayOf);
    const { events } = parts;
    this.#wildcard = this.#end(socket, undefined, (path, bytes) => events.onDatagram(path, bytes, base));
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

  /** The one at the wildcard address. */
  get socket(): UdpSocket {
    return this.#wildcard.socket;
  }

  /** All, the wildcard's first. */
  sockets(): UdpSocket[] {
    return [this.#wildcard, ...this.#members].map(({ socket }) => socket);
  }

  /** Takes a socket at one address and this base's port. */
  addMember(socket: UdpSocket, address: SourceAddress): SocketEnd {
    const { events } = this.#parts;
    const { base } = this;
    const member = this.#end(socket, address, (path, bytes) => {
      this.#arriving = path;
      try {
        events.onDatagram(path, bytes, base);
      } finally {
        this.#arriving = undefined;
      }
    });
    this.#members.add(member);
    return member;
  }

  removeMember(member: SocketEnd): Promise<void> {
    this.#members.delete(member);
    return member.close();
  }

  /**
   * Never throws. The bytes must not change afterwards: a full kernel buffer keeps them waiting.
   * @param path where `to` is its remote address.
   */
  send(bytes: Uint8Array, to: TransportAddress, path?: TransportPath): void {
    const from = this.#members.size === 0 ? this.#wildcard : this.#sourceFor(to, path);
    from.send(bytes, to);
  }

  /** As {@link send}, to whoever asked: nothing is remembered of him. */
  reply(bytes: Uint8Array, path: TransportPath): void {
    const asked = sourceOf(path);
    (this.#sources.isUsable(asked) ? asked : this.#wildcard).send(bytes, path.remote);
  }

  /** What came in on this path is authentic: see {@link SourceMemory}. */
  authenticated(path: TransportPath): void {
    if (this.#members.size > 0) this.#sources.heard(path.remote, sourceOf(path), this.#parts.now());
  }

  /** What was sent as this came in arrives, and was answered: see {@link SourceMemory}. */
  confirmed(path: TransportPath): void {
    if (this.#members.size > 0) this.#sources.confirmed(path.remote, sourceOf(path), this.#parts.now());
  }

  /** Routes or addresses may have changed. */
  review(): void {
    this.#sources.review();
  }

  async close(): Promise<void> {
    this.#sources.clear();
    await Promise.all([this.#wildcard.close(), ...Array.from(this.#members, (member) => member.close())]);
    this.#members.clear();
  }

  #sourceFor(to: TransportAddress, path: TransportPath | undefined): Source {
    const asked = this.#arriving;
    if (asked !== undefined && sameAddress(asked.remote, to)) {
      const source = sourceOf(asked);
      if (this.#sources.isUsable(source)) {
        this.#sources.answered(asked.remote, source, this.#parts.now());
        return source;
      }
    }
    const remembered = this.#sources.find(to);
    if (remembered !== undefined) return remembered;
    const first = path === undefined ? undefined : sourceOf(path);
    return this.#sources.isUsable(first) ? first : this.#wildcard;
  }

  #end(
    socket: UdpSocket,
    address: SourceAddress | undefined,
    onDatagram: (path: TransportPath, bytes: Uint8Array) => void,
  ): SocketEnd {
    const { counters, guard, events } = this.#parts;
    return new SocketEnd({
      base: this.base,
      socket,
      address,
      counters,
      guard,
      onDatagram,
      onSendFailed: events.onSendFailed,
    });
  }
}
