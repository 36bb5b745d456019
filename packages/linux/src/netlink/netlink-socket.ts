import { EAGAIN, EINTR, ENOBUFS } from '../libc/errno.js';
import { linuxLibc, type Arena, type LinuxLibc } from '../libc/libc.js';
import { SystemCallError } from '../libc/system-call-error.js';
import { failureIn, failureOfDump, type NetlinkFailure } from './answer.js';
import { concat } from './attributes.js';
import { decodeMessages, encodeMessage, NLM_F, NLMSG, type NetlinkMessage } from './message.js';
import { bindNetlink } from './netlink-address.js';

/** linux/netlink.h: protocols. */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const MSG_TRUNC = 0x20;
/** Answers wait in the socket until we read them: each acknowledgement takes about 0.8 KB of it. */
const RECEIVE_BUFFER_BYTES = 4 << 20;
/** The kernel makes datagrams of at most 32 KiB for a dump; one message (a link with many functions) can be larger. */
const READ_BYTES = 1 << 18;
/** What one send takes: the socket's send buffer is 208 KiB where nobody has changed it. */
const SEND_BYTES = 1 << 17;
/** With a larger buffer, for which a right is needed: a batch of netfilter goes in one datagram. */
const LARGE_SEND_BYTES = 1 << 24;
const SO_SNDBUFFORCE = 32;

export interface NetlinkRequest {
  readonly type: number;
  /** Beside REQUEST and ACK. */
  readonly flags?: number;
  /** The family's header and attributes. */
  readonly payload: Uint8Array;
  /** false: no answer is asked for, as at the ends of netfilter's batches. An error comes all the same. @default true */
  readonly acknowledged?: boolean;
}

/**
 * What became of a request. `unanswered`: one that asked for no answer, that was given up with the failed batch it was in, or
 * whose answer was lost.
 */
export type NetlinkOutcome = 'done' | 'unanswered' | NetlinkFailure;

export interface NetlinkDump {
  readonly messages: readonly NetlinkMessage[];
  /** Something changed while it was made, or a part was lost: what it says may be no state that ever was. */
  readonly interrupted: boolean;
}

/** {@link NetlinkSocket} without the socket: what tests replace, with a kernel of theirs. */
export interface NetlinkRequests {
  exchange(requests: readonly NetlinkRequest[]): NetlinkOutcome[];
  dump(request: Omit<NetlinkRequest, 'acknowledged'>): NetlinkDump;
  get(request: { readonly type: number; readonly payload: Uint8Array }): NetlinkMessage | undefined;
  /** By which notifications name whoever asked for the change; 0 before the first answer. */
  readonly portId: number;
}

/** A dump that the kernel refused. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  readonly failure: NetlinkFailure;

  constructor(operation: string, failure: NetlinkFailure) {
    super(`${operation}: ${failure.reason}`);
    this.failure = failure;
  }
}

/**
 * Asks the kernel by netlink. The kernel works a request off within the system call that sends it, and its answers are there
 * when that returns, so nothing waits and all of it is synchronous: hundreds of requests take a few ms.
 */
export class NetlinkSocket implements NetlinkRequests, Disposable {
  readonly #libc: LinuxLibc;
  readonly #arena: Arena;
  #fd: number;
  #sequence = 0;
  #portId = 0;

  private constructor(libc: LinuxLibc, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
    this.#arena = libc.arena(Math.max(READ_BYTES, SEND_BYTES));
  }

  /**
   * @param protocol NETLINK_ROUTE, NETLINK_NETFILTER or another.
   * @throws SystemCallError where the system refuses such a socket. @throws NativeCodeError
   */
  static open(protocol: number, libc: LinuxLibc = linuxLibc()): NetlinkSocket {
    const fd = bindNetlink(libc, protocol, 0);
    const number = (value: number) => new Uint8Array(new Uint32Array([value]).buffer);
    // Where the kernel is too old for one of them, answers have fewer words and dumps are longer.
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
      libc.setsockopt(fd, SOL_NETLINK, option, number(1), 4);
    }
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, number(RECEIVE_BUFFER_BYTES), 4);
    return new NetlinkSocket(libc, fd);
  }

  /** By which notifications tell what this socket did from what others did; 0 before the first answer. */
  get portId(): number {
    return this.#portId;
  }

  /**
   * Sends the requests as one datagram (netfilter takes a batch whole or not at all; the routing family each for itself).
   * @returns what became of each, in their order.
   * @throws RangeError for more than {@link LARGE_SEND_BYTES}. @throws SystemCallError where they cannot be sent or answers not be read.
   */
  exchange(requests: readonly NetlinkRequest[]): NetlinkOutcome[] {
    const outcomes = requests.map((): NetlinkOutcome => 'unanswered');
    if (requests.length === 0) return outcomes;
    const first = this.#send(requests);
    this.#readAll((message) => {
      const index = (message.sequence - first) >>> 0;
      if (message.type === NLMSG.ERROR && index < outcomes.length) outcomes[index] = failureIn(message) ?? 'done';
    });
    return outcomes;
  }

  /**
   * All that a request lists.
   * @throws NetlinkError where the kernel refuses it. @throws SystemCallError
   */
  dump({ type, flags = 0, payload }: Omit<NetlinkRequest, 'acknowledged'>): NetlinkDump {
    const sequence = this.#send([{ type, flags: flags | NLM_F.DUMP, payload, acknowledged: false }]);
    const messages: NetlinkMessage[] = [];
    let interrupted = false;
    let done = false;
    let failure: NetlinkFailure | undefined;
    const lost = this.#readAll((message) => {
      if (message.sequence !== sequence) return;
      if (message.flags & NLM_F.DUMP_INTR) interrupted = true;
      if (message.type === NLMSG.ERROR) {
        failure = failureIn(message);
        done = true;
      } else if (message.type === NLMSG.DONE) {
        failure = failureOfDump(message);
        done = true;
      } else messages.push(message);
    });
    if (failure !== undefined) throw new NetlinkError('the kernel does not list', failure);
    return { messages, interrupted: interrupted || lost || !done };
  }

  /**
   * One object, asked for by what identifies it.
   * @returns undefined where there is none (ENODEV, ENOENT). @throws NetlinkError, SystemCallError
   */
  get({ type, payload }: { readonly type: number; readonly payload: Uint8Array }): NetlinkMessage | undefined {
    const sequence = this.#send([{ type, payload, acknowledged: false }]);
    let found: NetlinkMessage | undefined;
    let failure: NetlinkFailure | undefined;
    this.#readAll((message) => {
      if (message.sequence !== sequence) return;
      if (message.type === NLMSG.ERROR) failure = failureIn(message);
      else found ??= message;
    });
    if (failure !== undefined && failure.code !== 'ENODEV' && failure.code !== 'ENOENT') {
      throw new NetlinkError('the kernel does not say', failure);
    }
    return found;
  }

  /** Idempotent. */
  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    this.#libc.close(this.#fd);
    this.#fd = -1;
  }

  /** @returns the sequence number of the first. */
  #send(requests: readonly NetlinkRequest[]): number {
    if (this.#fd < 0) throw new SystemCallError('the netlink socket is closed', 'send', 9);
    const first = (this.#sequence + 1) >>> 0;
    const bytes = concat(
      requests.map(({ type, flags = 0, payload, acknowledged = true }) => {
        this.#sequence = (this.#sequence + 1) >>> 0;
        const all = NLM_F.REQUEST | (acknowledged ? NLM_F.ACK : 0) | flags;
        return encodeMessage({ type, flags: all, sequence: this.#sequence, payload });
      }),
    );
    const arena = bytes.length > SEND_BYTES ? this.#largeArena(bytes.length) : this.#arena;
    arena.bytes.set(bytes);
    for (;;) {
      if (this.#libc.write(this.#fd, arena.address, bytes.length) >= 0) return first;
      const errno = this.#libc.errno();
      if (errno !== EINTR) throw new SystemCallError('netlink takes no request', 'write', errno);
    }
  }

  #largeArena(sizeBytes: number): Arena {
    if (sizeBytes > LARGE_SEND_BYTES) throw new RangeError(`${sizeBytes} bytes of netlink requests at once`);
    // The kernel counts more than the bytes. Without the right to it, what is too large is refused (EMSGSIZE).
    const room = new Uint8Array(new Uint32Array([2 * sizeBytes]).buffer);
    this.#libc.setsockopt(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, room, 4);
    return this.#libc.arena(sizeBytes);
  }

  /** Everything that waits in the socket. @returns whether something was lost. */
  #readAll(onMessage: (message: NetlinkMessage) => void): boolean {
    let lost = false;
    for (;;) {
      const sizeBytes = this.#libc.recv(this.#fd, this.#arena.address, READ_BYTES, MSG_TRUNC);
      if (sizeBytes < 0) {
        const errno = this.#libc.errno();
        if (errno === EAGAIN) return lost;
        if (errno === ENOBUFS) lost = true;
        else if (errno !== EINTR) throw new SystemCallError('netlink does not answer', 'recv', errno);
        continue;
      }
      if (sizeBytes > READ_BYTES) lost = true;
      // The arena is used again for the next datagram.
      const datagram = Uint8Array.from(this.#arena.bytes.subarray(0, Math.min(sizeBytes, READ_BYTES)));
      for (const message of decodeMessages(datagram)) {
        if (message.portId !== 0) this.#portId = message.portId;
        onMessage(message);
      }
    }
  }
}

/** Whether the kernel refused it. */
export function isFailure(outcome: NetlinkOutcome): outcome is NetlinkFailure {
  return typeof outcome === 'object';
}
