import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { echoReplyTo, echoRequest, readEchoReply } from '../lib/inner-packet.mjs';

const INTERVAL_MS = 10;
const LOST_AFTER_MS = 1000;
const FORGOTTEN_AFTER_MS = 10_000;
let nextIdentifier = 1;

/** Numbered echo requests through a tunnel. Lost: not answered within 1 s of the time that the product had. */
export class EchoStream {
  #clock;
  #identifier = nextIdentifier++;
  #port;
  #from;
  #to;
  #awaited = new Map();
  #timer;
  #subscriptions = [];
  #sent = 0;
  #answered = 0;
  #late = 0;
  #withheld = 0;
  #lost = [];
  #maxRttMs = 0;

  /**
   * @param clock `now()` in ms, which stands still while the machine gives the process no processor.
   * @param answering the node that answers; undefined where a kernel does.
   */
  constructor(clock, asking, from, answering, to) {
    this.#clock = clock;
    this.#port = asking.packets;
    this.#from = from;
    this.#to = to;
    this.#subscriptions.push(this.#port.onPacket((packet) => this.#receive(packet)));
    const { packets } = answering ?? {};
    if (packets === undefined) return;
    this.#subscriptions.push(
      packets.onPacket((packet) => {
        const reply = echoReplyTo(packet);
        if (reply !== undefined) packets.send(reply);
      }),
    );
  }

  /** Resolves when the first answer has come. */
  async start() {
    const deadline = performance.now() + 10_000;
    while (this.#answered === 0) {
      if (performance.now() > deadline) throw new Error(`no echo from ${this.#to}`);
      this.#sendOne();
      await sleep(20);
    }
    this.#awaited.clear();
    this.#sent = this.#answered = 0;
    this.#timer = setInterval(() => this.#sendOne(), INTERVAL_MS);
  }

  async stop() {
    clearInterval(this.#timer);
    await sleep(LOST_AFTER_MS);
    this.#expire();
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
  }

  result() {
    return {
      to: this.#to,
      sent: this.#sent,
      answered: this.#answered,
      lost: this.#lost.length,
      /** Of the lost, those that came after all. */
      late: this.#late,
      /** Of those in time, the ones that took more than 1 s by the wall clock. */
      withheld: this.#withheld,
      lostAtMs: this.#lost.slice(0, 20),
      maxRttMs: this.#maxRttMs,
    };
  }

  #sendOne() {
    const sequence = ++this.#sent & 0xffff;
    this.#awaited.set(sequence, { sentAt: this.#clock.now(), wallSentAt: performance.now(), lost: false });
    this.#port.send(echoRequest(this.#from, this.#to, this.#identifier, sequence));
    this.#expire();
  }

  #receive(packet) {
    const reply = readEchoReply(packet);
    if (reply?.identifier !== this.#identifier) return;
    const awaited = this.#awaited.get(reply.sequence);
    if (awaited === undefined) return;
    this.#awaited.delete(reply.sequence);
    const rttMs = this.#clock.now() - awaited.sentAt;
    this.#maxRttMs = Math.max(this.#maxRttMs, rttMs);
    if (awaited.lost) this.#late += 1;
    else if (rttMs <= LOST_AFTER_MS) {
      this.#answered += 1;
      if (performance.now() - awaited.wallSentAt > LOST_AFTER_MS) this.#withheld += 1;
    } else {
      this.#late += 1;
      this.#lost.push(Math.round(awaited.wallSentAt));
    }
  }

  #expire() {
    const now = this.#clock.now();
    for (const [sequence, awaited] of this.#awaited) {
      const { sentAt, wallSentAt, lost } = awaited;
      if (now - sentAt <= LOST_AFTER_MS) return;
      if (!lost) this.#lost.push(Math.round(wallSentAt));
      awaited.lost = true;
      if (now - sentAt > FORGOTTEN_AFTER_MS) this.#awaited.delete(sequence);
    }
  }
}
