/** Two clients of a rendezvous server that send each other numbered messages, and count those that never came. */
import { performance } from 'node:perf_hooks';
import { setInterval, clearInterval } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 50;
const UP_WITHIN_MS = 10_000;
const LAST_WITHIN_MS = 5000;

export class HonestPair {
  #clients;
  #keys;
  #timer;
  /** Number to when it was sent, for those that have not come yet. */
  #underWay = new Map();
  #sent = 0;
  #longestMs = 0;
  #result;

  constructor(RendezvousClient, createNeeds, url) {
    const needs = [createNeeds(), createNeeds()];
    this.#keys = needs.map(({ identity }) => identity.publicKey);
    this.#clients = needs.map((each) => new RendezvousClient(each, { urls: [url] }));
    for (const client of this.#clients) client.onMessage(({ sealed }) => this.#arrived(Buffer.from(sealed).toString()));
  }

  async start() {
    const { signal } = new globalThis.AbortController();
    for (const client of this.#clients) await client.start({ signal });
    for (const startedAt = performance.now(); !this.#areUp();) {
      if (performance.now() > startedAt + UP_WITHIN_MS) throw new Error('the honest clients were not admitted');
      await sleep(10);
    }
    this.#timer = setInterval(() => this.#send(), INTERVAL_MS);
  }

  /** @returns how many were sent and lost, and how long the slowest took. */
  async end() {
    if (this.#result !== undefined) return this.#result;
    clearInterval(this.#timer);
    for (const endedAt = performance.now(); this.#underWay.size > 0;) {
      if (performance.now() > endedAt + LAST_WITHIN_MS) break;
      await sleep(10);
    }
    this.#result = { sent: this.#sent, lost: this.#underWay.size, longestMs: this.#longestMs };
    for (const client of this.#clients) await client.stop();
    return this.#result;
  }

  #areUp() {
    return this.#clients.every((client) => client.states().every(({ state }) => state === 'up'));
  }

  #send() {
    for (const [i, client] of this.#clients.entries()) {
      const name = `message ${(this.#sent += 1)}`;
      this.#underWay.set(name, performance.now());
      client.publish(this.#keys[1 - i], Buffer.from(name));
    }
  }

  #arrived(name) {
    const sentAt = this.#underWay.get(name);
    if (sentAt === undefined) return;
    this.#underWay.delete(name);
    this.#longestMs = Math.max(this.#longestMs, performance.now() - sentAt);
  }
}
