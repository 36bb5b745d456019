/** Sends hostile datagrams to every UDP socket of a process, no faster than their receive buffers are emptied. */
import { decodeStunMessage } from '@wirepath/stun-codec';
import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { lookAgain, scheduledSeconds, udpSocketsOf } from './sockets.mjs';

const SOURCES = { 4: 24, 6: 4 };
const BATCH = 192;
/** A socket is sent to while less than this waits in it: far below what any system gives a receive buffer. */
const MAX_QUEUED_BYTES = 32 * 1024;
/** Sockets come and go: relayed ports, spare sockets. */
const LIST_AGAIN_MS = 1000;
/** Of the time that the process had: a machine that stands still proves nothing. */
const STUCK_MS = 20_000;
/** Most that the time between two looks counts for. */
const MAX_LOOK_MS = 50;

export class HostileSender {
  #pid;
  #random;
  #sources = { 4: [], 6: [] };
  #targets = new Map();
  #listedAtMs = -Infinity;
  /** Datagrams sent by kind and by target key. */
  sent = new Map();
  answersReceived = 0;

  constructor(pid, random) {
    this.#pid = pid;
    this.#random = random;
  }

  async open() {
    for (const family of [4, 6]) {
      for (let i = 0; i < SOURCES[family]; i += 1) {
        // Linux answers for all of 127.0.0.0/8, so that a limit per source does not end it all.
        const source = await this.#bind(family, family === 4 ? `127.1.0.${i + 1}` : '::1');
        this.#sources[family].push(source);
      }
    }
    this.#look();
    for (const target of this.#targets.values()) target.honest = true;
  }

  close() {
    for (const { socket } of [...this.#sources[4], ...this.#sources[6]]) socket.close();
  }

  /** Every socket that was sent to, closed ones too; `honest` where it was open before the first hostile datagram. */
  get targets() {
    return this.#targets;
  }

  /** Datagrams that the kernel dropped for want of buffer, over all sockets. */
  get kernelDrops() {
    return [...this.#targets.values()].reduce((sum, { drops }) => sum + drops, 0);
  }

  /**
   * @param make from what the source knows to a datagram.
   * @param mustCount whether nobody but status will hear of this datagram at this target.
   * @param at which targets are meant.
   * @returns how many of these were sent.
   */
  async send(kind, make, count, { signal, onProgress, mustCount, at }) {
    const byTarget = new Map();
    let toBeCounted = 0;
    this.sent.set(kind, byTarget);
    for (let left = count; left > 0;) {
      signal.throwIfAborted();
      const open = [...this.#targets.values()].filter((target) => !target.gone && at(target));
      // The relayed ports that the hostile account opens are many, and must not take it all.
      const honest = open.filter((target) => target.honest);
      const batch = Math.min(left, BATCH);
      for (let i = 0; i < batch; i += 1) {
        const target = this.#random.pick(this.#random.oneIn(4) ? open : honest);
        const source = this.#random.pick(this.#sources[target.family]);
        const bytes = make(source);
        source.socket.send(bytes, target.port, target.address);
        if (target.honest && mustCount(target, bytes)) toBeCounted += 1;
        byTarget.set(target.key, (byTarget.get(target.key) ?? 0) + 1);
      }
      left -= batch;
      await nextTurn();
      await this.#untilTaken(MAX_QUEUED_BYTES, signal);
      onProgress(count - left);
    }
    await this.#untilTaken(0, signal);
    return { toBeCounted };
  }

  /** Waits until no more than `bytes` wait in any target. */
  async #untilTaken(bytes, signal) {
    if (this.#look() <= bytes) return;
    const before = scheduledSeconds(this.#pid);
    let stuckMs = 0;
    let lookedAt = performance.now();
    do {
      signal.throwIfAborted();
      await sleep(1);
      stuckMs += Math.min(MAX_LOOK_MS, performance.now() - lookedAt);
      lookedAt = performance.now();
      if (stuckMs > STUCK_MS) {
        const now = scheduledSeconds(this.#pid);
        if (stuckMs - (now.waited - before.waited) * 1000 > STUCK_MS) throw new Error(this.#stuck(before, now));
      }
    } while (this.#look() > bytes);
  }

  #stuck(before, now) {
    const waiting = [...this.#targets.values()].filter(({ gone, queuedBytes }) => !gone && queuedBytes > 0);
    const which = waiting.map(
      ({ key, queuedBytes, honest }) => `${key}${honest ? '' : ' (not there at first)'}: ${queuedBytes} bytes`,
    );
    const time = `the process ran for ${(now.ran - before.ran).toFixed(1)} s and waited for a processor for ${(now.waited - before.waited).toFixed(1)} s`;
    return `not read for ${STUCK_MS / 1000} s: ${which.join(', ')}; ${time}`;
  }

  /** @returns the most that waits in one socket, bytes. */
  #look() {
    const due = performance.now() - this.#listedAtMs > LIST_AGAIN_MS;
    if (due) this.#listedAtMs = performance.now();
    const now = due ? udpSocketsOf(this.#pid) : lookAgain(this.#targets);
    for (const [key, known] of this.#targets) known.gone = !now.has(key);
    let most = 0;
    for (const [key, socket] of now) {
      this.#targets.set(key, { ...this.#targets.get(key), ...socket, gone: false });
      most = Math.max(most, socket.queuedBytes);
    }
    return most;
  }

  #bind(family, address) {
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', lookup: literal });
    const source = { socket, realm: undefined, nonce: undefined };
    socket.on('message', (bytes) => {
      this.answersReceived += 1;
      // What a TURN server challenges with, the next requests of this source are signed for.
      const { realm, nonce } = decodeStunMessage(bytes) ?? {};
      if (realm !== undefined && nonce !== undefined) Object.assign(source, { realm, nonce });
    });
    // Datagrams to a socket that has closed come back as errors.
    socket.on('error', () => undefined);
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address, port: 0 }, () => {
        socket.off('error', reject);
        resolve(source);
      });
    });
  }
}

function literal(hostname, _options, callback) {
  callback(null, hostname, hostname.includes(':') ? 6 : 4);
}
