import { constants } from 'node:os';
import { errnoName } from '../libc/errno.js';
import type { ReadableWatch } from '../loop/readable-watch.js';
import { throwUncaught } from '../loop/throw-uncaught.js';
import { watchReadable } from '../loop/watch-readable.js';
import { setOption } from '../sockets/socket-options.js';
import type { DatagramOffloads, DatagramReceiver, DatagramSocket } from './datagram-socket.js';
import { GsoRefusals } from './gso-refusals.js';
import { RECEIVE_SLOTS, SEND_DATAGRAMS } from './message-vectors.js';
import type { SocketAddress } from './socket-address.js';
import { SourceTable } from './source-table.js';
import type { UdpShared } from './udp-shared.js';

const { EAGAIN, EBADF, EINTR, EINVAL, EIO, EMSGSIZE, ENOPROTOOPT, ENOSYS, EOPNOTSUPP, EPERM } = constants.errno;
const MSG_DONTWAIT = 0x40;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;
/** linux/udp.h: UDP_MAX_SEGMENTS of older kernels; what a message may hold. */
const GSO_SEGMENTS_MAX = 64;
const GSO_BYTES_MAX = 65_000;
/** What GRO joins fills a slot, so that half as many make a batch. */
const GRO_SLOTS = RECEIVE_SLOTS / 2;
/** Receiving calls for one wake-up, so that a busy socket does not starve the others. */
const RECEIVE_CALLS_MAX = 2;

/**
 * A UDP socket by recvmmsg(2) and sendmmsg(2), with UDP_SEGMENT (GSO) and UDP_GRO. Whatever of these the system refuses, at first or
 * later, is done without from then on.
 */
export class BatchedSocket<Source> implements DatagramSocket<Source> {
  readonly kind = 'batched';
  readonly family: 4 | 6;
  readonly port: number;
  readonly descriptor: number;
  readonly #shared: UdpShared;
  /** Of what is queued; as long as it ever had to be. */
  readonly #offsets: number[] = [];
  readonly #sizes: number[] = [];
  readonly #destinations: SocketAddress[] = [];
  readonly #refusals = new GsoRefusals();
  readonly #givenUp = new Map<string, string>();
  #gso: boolean;
  #gro: boolean;
  #sendmmsg: boolean;
  #recvmmsg: boolean;
  #queued = 0;
  /** The received message that is handed in next, and how many bytes of it have been. */
  #slot = 0;
  #slotDone = 0;
  #receiver: DatagramReceiver<Source> | undefined;
  #sources: SourceTable<Source> | undefined;
  #watch: ReadableWatch | undefined;
  #closing: Promise<void> | undefined;

  constructor(shared: UdpShared, descriptor: number, family: 4 | 6, port: number) {
    this.#shared = shared;
    this.descriptor = descriptor;
    this.family = family;
    this.port = port;
    const { avoid } = shared;
    this.#sendmmsg = !avoid.has('batches');
    this.#recvmmsg = !avoid.has('batches');
    // A kernel that does not know segments would send one huge datagram.
    this.#gso = !avoid.has('gso') && this.#probe(UDP_SEGMENT, 0, 'GSO');
    this.#gro = !avoid.has('gro') && this.#probe(UDP_GRO, 1, 'GRO');
  }

  get offloads(): DatagramOffloads {
    const used = [
      ...(this.#sendmmsg ? ['sendmmsg'] : []),
      ...(this.#recvmmsg ? ['recvmmsg'] : []),
      ...(this.#gso ? ['GSO'] : []),
      ...(this.#gro ? ['GRO'] : []),
    ];
    const towards = this.#refusals.describe().map((refusal) => `GSO towards ${refusal}`);
    return { used, givenUp: [...Array.from(this.#givenUp, ([name, why]) => `${name}: ${why}`), ...towards] };
  }

  start(receiver: DatagramReceiver<Source>): void {
    if (this.#receiver !== undefined || this.#closing !== undefined) return;
    this.#receiver = receiver;
    const { memory, nameOf } = this.#shared;
    this.#sources = new SourceTable(memory, (address) => receiver.source(address), nameOf);
    this.#watch = watchReadable(this.descriptor, () => this.#receive(receiver));
  }

  send(offset: number, sizeBytes: number, to: SocketAddress): void {
    if (this.#queued === SEND_DATAGRAMS) this.flush();
    const at = this.#queued++;
    this.#offsets[at] = offset;
    this.#sizes[at] = sizeBytes;
    this.#destinations[at] = to;
  }

  flush(): void {
    const count = this.#queued;
    if (count === 0) return;
    this.#queued = 0;
    if (count > 1 && (this.#sendmmsg || this.#gso)) this.#sendMany(count);
    else for (let at = 0; at < count; at++) this.#sendOne(at);
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.flush();
      this.#closing = (this.#watch?.close() ?? Promise.resolve()).then(() => {
        this.#shared.libc.close(this.descriptor);
      });
    }
    return this.#closing;
  }

  // Sending

  #sendMany(count: number): void {
    const { libc, send } = this.#shared;
    this.#group(count);
    const { messages } = send;
    let first = 0;
    let triedAgain = -1;
    for (let message = 0; message < messages;) {
      const sent = this.#sendMessages(message, messages - message);
      if (sent > 0) {
        for (let i = 0; i < sent; i++) first += send.count(message + i);
        message += sent;
        continue;
      }
      const errno = libc.errno();
      if (errno === EINTR) continue;
      if (errno === EAGAIN && triedAgain !== message) {
        triedAgain = message;
        continue;
      }
      const datagrams = send.count(message);
      this.#refused(errno, first, datagrams);
      first += datagrams;
      message++;
    }
  }

  /** The first of so many messages, and the others where that costs no further call. @returns how many; -1 for none. */
  #sendMessages(message: number, count: number): number {
    const { libc, send } = this.#shared;
    if (this.#sendmmsg) return libc.sendmmsg(this.descriptor, send.header(message), count, MSG_DONTWAIT);
    return libc.sendmsg(this.descriptor, send.header(message), MSG_DONTWAIT) < 0 ? -1 : 1;
  }

  /** Datagrams of one size, one behind the other to one destination, become one message. The last of them may be shorter. */
  #group(count: number): void {
    const { send } = this.#shared;
    send.clear();
    let to: SocketAddress | undefined;
    let segmentBytes = 0;
    let segments = 0;
    let total = 0;
    for (let at = 0; at < count; at++) {
      const offset = this.#offsets[at] ?? 0;
      const size = this.#sizes[at] ?? 0;
      const destination = this.#destinations[at];
      if (destination === undefined) continue;
      if (
        destination === to &&
        size <= segmentBytes &&
        size > 0 &&
        segments < GSO_SEGMENTS_MAX &&
        total + size <= GSO_BYTES_MAX
      ) {
        send.join(offset, size, segmentBytes);
        segments++;
        total += size;
        if (size < segmentBytes) to = undefined;
        continue;
      }
      send.add(offset, size, destination);
      to = this.#gso && !this.#refusals.includes(destination) ? destination : undefined;
      segmentBytes = size;
      segments = 1;
      total = size;
    }
  }

  /** The system did not take a message. @param first of its datagrams. */
  #refused(errno: number, first: number, datagrams: number): void {
    const isForeign = errno === ENOSYS || errno === EPERM;
    if (datagrams === 1 && !isForeign) return this.#lost(errno, 1);
    const destination = this.#destinations[first];
    if (datagrams > 1 && destination !== undefined) {
      if (errno === EOPNOTSUPP || errno === ENOPROTOOPT) {
        this.#gso = false;
        this.#givenUp.set('GSO', errnoName(errno));
      } else if (errno === EIO || errno === EINVAL || errno === EMSGSIZE) {
        this.#refusals.add(destination, errnoName(errno));
      } else if (!isForeign) return this.#lost(errno, datagrams);
    }
    // A firewall says EPERM too, and so does a full table of connections: for now, and not to the call.
    const isDenied = isForeign && this.#isCallDenied();
    for (let at = first; at < first + datagrams; at++) this.#sendOne(at);
    if (!isDenied) return;
    // Segments go by sendmsg, too; without that one, by none.
    if (this.#sendmmsg) {
      this.#sendmmsg = false;
      this.#givenUp.set('sendmmsg', errnoName(errno));
    } else if (this.#gso) {
      this.#gso = false;
      this.#givenUp.set('GSO', errnoName(errno));
    }
  }

  /** Whoever denies the call does so before its descriptor is looked at; otherwise this one is EBADF. */
  #isCallDenied(): boolean {
    const { libc } = this.#shared;
    if (this.#sendmmsg) libc.sendmmsg(-1, 0, 0, 0);
    else libc.sendmsg(-1, 0, 0);
    return libc.errno() !== EBADF;
  }

  /** By way of the first message's destination, which is behind us. */
  #sendOne(at: number): void {
    const { libc, memory, send } = this.#shared;
    const to = this.#destinations[at];
    if (to === undefined) return;
    send.setName(to);
    const address = memory.address + (this.#offsets[at] ?? 0);
    const size = this.#sizes[at] ?? 0;
    const nameBytes = to.words.length * 4;
    let triedAgain = false;
    while (libc.sendto(this.descriptor, address, size, MSG_DONTWAIT, send.name, nameBytes) < 0) {
      const errno = libc.errno();
      if (errno === EINTR) continue;
      if (errno !== EAGAIN || triedAgain) return this.#lost(errno, 1);
      triedAgain = true;
    }
  }

  #lost(errno: number, count: number): void {
    try {
      this.#receiver?.failed(errnoName(errno), count);
    } catch (error) {
      throwUncaught(error);
    }
  }

  // Receiving

  #receive(receiver: DatagramReceiver<Source>): void {
    for (let call = 0; call < RECEIVE_CALLS_MAX; call++) {
      const asked = this.#gro ? GRO_SLOTS : RECEIVE_SLOTS;
      const received = this.#receiveInto(asked);
      if (received < 0) return;
      this.#handInAll(received, receiver);
      if (received > 0) receiver.batchEnd();
      if (received < asked || this.#closing !== undefined) return;
    }
  }

  /** @returns how many messages; negative where there is nothing more to be had now. */
  #receiveInto(asked: number): number {
    const { libc, receive } = this.#shared;
    for (;;) {
      receive.resetAll(asked);
      if (this.#recvmmsg) {
        const received = libc.recvmmsg(this.descriptor, receive.headers, asked, MSG_DONTWAIT, 0);
        if (received >= 0) return received;
      } else {
        const received = this.#receiveOneByOne(asked);
        if (received > 0) return received;
      }
      const errno = libc.errno();
      if (errno === EAGAIN) return -1;
      if (errno === EINTR) continue;
      if (this.#recvmmsg && (errno === ENOSYS || errno === EPERM)) {
        this.#recvmmsg = false;
        this.#givenUp.set('recvmmsg', errnoName(errno));
        continue;
      }
      // ICMP says what became of a datagram that was sent: it is told once, and reading goes on.
      this.#lost(errno, 0);
      return -1;
    }
  }

  /** @returns how many; after 0, and only then, the errno says why. */
  #receiveOneByOne(asked: number): number {
    const { libc, receive } = this.#shared;
    for (let slot = 0; slot < asked; slot++) {
      const size = libc.recvmsg(this.descriptor, receive.header(slot), MSG_DONTWAIT);
      if (size < 0) {
        const errno = libc.errno();
        if (slot > 0 && errno !== EAGAIN && errno !== EINTR) this.#lost(errno, 0);
        return slot;
      }
      receive.setSizeBytes(slot, size);
    }
    return asked;
  }

  /** What the receiver throws ends none of the others: it goes on behind the datagram that it was thrown for. */
  #handInAll(received: number, receiver: DatagramReceiver<Source>): void {
    this.#slot = 0;
    this.#slotDone = 0;
    while (this.#slot < received && this.#closing === undefined) {
      try {
        while (this.#slot < received && this.#closing === undefined) this.#handIn(receiver);
      } catch (error) {
        throwUncaught(error);
      }
    }
  }

  /** The rest of a slot; what is handed in counts as done before. */
  #handIn(receiver: DatagramReceiver<Source>): void {
    const { receive } = this.#shared;
    const done = this.#slotDone;
    const slot = this.#slot++;
    this.#slotDone = 0;
    if (receive.isTruncated(slot)) return;
    const size = receive.sizeBytes(slot);
    const segment = receive.segmentBytes(slot);
    const offset = receive.offset(slot);
    if (segment === 0 && receiver.isWanted?.(offset, size) === false) return;
    const source = this.#sources?.find(receive.nameWord(slot), this.family === 4 ? 4 : 7);
    if (source === undefined) return;
    if (segment === 0 || segment >= size) return receiver.datagram(offset, size, source);
    const { bytes } = this.#shared.memory;
    this.#slot = slot;
    for (let at = done; at < size && this.#closing === undefined; at += segment) {
      this.#slotDone = at + segment;
      const sizeBytes = Math.min(segment, size - at);
      // To where it may lie, over the end of the one before.
      const start = (offset + at) & ~3;
      if (start !== offset + at) bytes.copyWithin(start, offset + at, offset + at + sizeBytes);
      receiver.datagram(start, sizeBytes, source);
    }
    this.#slot++;
    this.#slotDone = 0;
  }

  #probe(option: number, value: number, name: string): boolean {
    const errno = setOption(this.descriptor, option, value, SOL_UDP);
    if (errno !== 0) this.#givenUp.set(name, errnoName(errno));
    return errno === 0;
  }
}
