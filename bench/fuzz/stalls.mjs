/**
 * How long the event loop of this process stood still, and whose doing that was: what the process ran is the product's;
 * that it waited for a processor, or the whole machine did, is not.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setInterval } from 'node:timers';

const INTERVAL_MS = 20;
/** Linux counts stolen time in hundredths of a second. */
const TICK_MS = 10;
const NO_STALL = { ms: 0, ranMs: 0 };

export class StallWatch {
  #at = performance.now();
  #own = ownThread();
  #waitedMs = waitedMs();
  #withheldMs = 0;
  #longest = NO_STALL;

  /** Watches this thread's event loop from now on. */
  constructor() {
    setInterval(() => this.#look(), INTERVAL_MS).unref();
  }

  /** Time as the product had it, ms: it stands still while the machine gives the process, or what it started, no processor. */
  now() {
    return performance.now() - this.#withheldMs;
  }

  /** For how long that was, ms. */
  get withheldMs() {
    return this.#withheldMs;
  }

  /** The longest stall since it was asked last, of that time, and how much of it the process ran. */
  takeLongest() {
    const longest = this.#longest;
    this.#longest = NO_STALL;
    return longest;
  }

  #look() {
    const at = performance.now();
    const own = ownThread();
    const waited = waitedMs();
    const ranMs = own.ranMs - this.#own.ranMs;
    const withheld = Math.max(0, Math.min(at - this.#at - ranMs, waited - this.#waitedMs));
    this.#withheldMs += withheld;
    const ms = Math.max(0, at - this.#at - INTERVAL_MS - withheld);
    if (ms > this.#longest.ms) this.#longest = { ms, ranMs };
    this.#at = at;
    this.#own = own;
    this.#waitedMs = waited;
  }
}

/** What this thread ran so far. */
function ownThread() {
  const [ran] = readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ').map(Number);
  return { ranMs: ran / 1e6 };
}

/** How long threads of this process and of its children waited for a processor, and the machine for its host's. */
function waitedMs() {
  const threads = threadsOf('self');
  const children = threads.flatMap(childrenOf).flatMap(threadsOf);
  return [...threads, ...children].reduce((sum, folder) => sum + runDelayMs(folder), stolenMs());
}

function threadsOf(pid) {
  return attempt(() => readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`), []);
}

function childrenOf(folder) {
  const text = attempt(() => readFileSync(`${folder}/children`, 'latin1'), '');
  return text.split(' ').filter((pid) => pid !== '');
}

function runDelayMs(folder) {
  const [, waited] = attempt(() => readFileSync(`${folder}/schedstat`, 'latin1'), '0 0 0').split(' ');
  return Number(waited) / 1e6;
}

function stolenMs() {
  const fields = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0].trim().split(/\s+/);
  return Number(fields[8] ?? 0) * TICK_MS;
}

/** Threads and processes end while they are looked at. */
function attempt(read, otherwise) {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
