import type { Clock } from '../../base/time/clock.js';
import type { Logger } from '../../base/logging/logger.js';
import { reasonOf } from '../../base/errors/reason-of.js';
import { CodedError } from '../../base/errors/coded-error.js';
import { isAborted } from '../../base/errors/coded-error.js';
import { within } from '../../base/time/deadline.js';
import { NotFound, type Found } from './look-up.js';

/** Whatever the answer says of itself. */
const TTL_MIN_MS = 5000;
const TTL_MAX_MS = 3_600_000;
/** Newer than this, an address is taken as just looked up, whatever has failed. */
const NEW_MS = 1000;
/** Where there are addresses that were good, nobody waits longer for others. */
const PATIENCE_MS = 1500;
/** Names that do not resolve are looked up again by themselves, more and more seldom. */
const RETRY_MS = 1000;
const RETRY_MAX_MS = 10_000;
/** Nobody has asked for it since: it is none of ours any more. */
const UNWANTED_MS = 180_000;
/** They come from the configuration. */
const NAMES_MAX = 256;

export interface NameBookNeeds {
  readonly lookUp: (host: string, signal: AbortSignal) => Promise<Found>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A name has other addresses than before, or resolves at last. */
  readonly onNews: (host: string) => void;
}

interface Entry {
  readonly host: string;
  /** Good last; empty: never. */
  addresses: readonly string[];
  lookedUpAtMs: number;
  expiresAtMs: number;
  failure: { readonly said: string; readonly sinceUnixMs: number; readonly times: number } | undefined;
  wantedAtMs: number;
  pending: Promise<readonly string[]> | undefined;
  retry: Disposable | undefined;
}

/**
 * What names stand for: kept as long as the answers say, the last good addresses for as long as there are no others. Names that
 * do not resolve are looked up again by themselves while the node runs.
 */
export class NameBook {
  readonly #needs: NameBookNeeds;
  readonly #entries = new Map<string, Entry>();
  /** Ends look-ups; made anew for each run. */
  #life = new AbortController();
  #isRunning = false;

  constructor(needs: NameBookNeeds) {
    this.#needs = needs;
  }

  start(): void {
    this.#isRunning = true;
    for (const entry of this.#entries.values()) if (entry.failure !== undefined) this.#retryLater(entry);
  }

  stop(): void {
    this.#isRunning = false;
    this.#life.abort(new CodedError('ABORTED'));
    this.#life = new AbortController();
    for (const entry of this.#entries.values()) {
      entry.retry?.[Symbol.dispose]();
      entry.retry = undefined;
    }
  }

  /** The network is another, or somebody says so: whatever is known is looked up when it is next asked for, what failed at once. */
  doubt(): void {
    for (const entry of this.#entries.values()) {
      entry.expiresAtMs = -Infinity;
      if (entry.failure === undefined) continue;
      entry.failure = { ...entry.failure, times: 0 };
      if (this.#isRunning) void this.#lookUp(entry).catch(() => undefined);
    }
  }

  /** @throws CodedError NAME_NOT_RESOLVED; the signal's reason. */
  async addressesOf(
    host: string,
    { again, signal }: { again: boolean; signal: AbortSignal },
  ): Promise<readonly string[]> {
    const { clock } = this.#needs;
    const now = clock.now();
    const entry = this.#entry(host);
    entry.wantedAtMs = now;
    const isGood = entry.failure === undefined && now < entry.expiresAtMs;
    if (isGood && (!again || now - entry.lookedUpAtMs < NEW_MS)) return entry.addresses;
    const work = this.#lookUp(entry);
    const timeoutMs = entry.addresses.length > 0 ? PATIENCE_MS : 60_000;
    try {
      return await within(() => work, { clock, signal, timeoutMs, what: host });
    } catch (error) {
      if (signal.aborted || isAborted(error) || entry.addresses.length === 0) throw error;
      return entry.addresses;
    }
  }

  /** Names that do not resolve, one line each. */
  problems(): readonly string[] {
    return [...this.#entries.values()].flatMap(({ host, failure, addresses, wantedAtMs }) => {
      if (failure === undefined || this.#needs.clock.now() - wantedAtMs > UNWANTED_MS) return [];
      const since = new Date(failure.sinceUnixMs).toISOString();
      const used = addresses.length === 0 ? '' : `; what it stood for last is used: ${addresses.join(', ')}`;
      return [
        `the name ${host} does not resolve since ${since} (${failure.said})${used}. Check the name and the servers in ` +
          '/etc/resolv.conf, or write an address in its place',
      ];
    });
  }

  #entry(host: string): Entry {
    let entry = this.#entries.get(host);
    if (entry === undefined) {
      if (this.#entries.size >= NAMES_MAX) this.#forgetOldest();
      entry = {
        host,
        addresses: [],
        lookedUpAtMs: -Infinity,
        expiresAtMs: -Infinity,
        failure: undefined,
        wantedAtMs: -Infinity,
        pending: undefined,
        retry: undefined,
      };
      this.#entries.set(host, entry);
    }
    return entry;
  }

  #forgetOldest(): void {
    const [oldest] = [...this.#entries.values()].sort((a, b) => a.wantedAtMs - b.wantedAtMs);
    if (oldest === undefined) return;
    oldest.retry?.[Symbol.dispose]();
    this.#entries.delete(oldest.host);
  }

  /** One look-up at a time, whoever waits for it. */
  #lookUp(entry: Entry): Promise<readonly string[]> {
    entry.retry?.[Symbol.dispose]();
    entry.retry = undefined;
    entry.pending ??= this.#lookUpNow(entry).finally(() => (entry.pending = undefined));
    // Those who wait get the error; there may be none.
    entry.pending.catch(() => undefined);
    return entry.pending;
  }

  async #lookUpNow(entry: Entry): Promise<readonly string[]> {
    const { clock, logger, lookUp, onNews } = this.#needs;
    const { host } = entry;
    const { signal } = this.#life;
    try {
      const { addresses, ttlSeconds, by } = await lookUp(host, signal);
      const before = entry.addresses;
      const isNews = entry.failure !== undefined || (before.length > 0 && !sameSet(before, addresses));
      const now = clock.now();
      entry.addresses = addresses;
      entry.lookedUpAtMs = now;
      entry.expiresAtMs = now + Math.min(TTL_MAX_MS, Math.max(TTL_MIN_MS, ttlSeconds * 1000));
      entry.failure = undefined;
      if (isNews || before.length === 0)
        logger.info('a name was looked up', { host, addresses: addresses.join(' '), by });
      if (isNews) onNews(host);
      return addresses;
    } catch (error) {
      if (signal.aborted) throw new CodedError('ABORTED', `${host}: stopped while its name was looked up`);
      throw this.#failed(entry, error);
    }
  }

  #failed(entry: Entry, error: unknown): CodedError {
    const { clock, logger } = this.#needs;
    const { host, failure, addresses } = entry;
    const said = error instanceof NotFound ? error.message || 'nobody to ask' : reasonOf(error);
    const sinceUnixMs = failure?.sinceUnixMs ?? clock.unixMs();
    if (failure?.said !== said) {
      logger.warn('a name does not resolve', { host, said, used: addresses.join(' ') || undefined });
    }
    entry.failure = { said, sinceUnixMs, times: (failure?.times ?? 0) + 1 };
    this.#retryLater(entry);
    return new CodedError('NAME_NOT_RESOLVED', `the name ${host} does not resolve: ${said}`, { subject: host });
  }

  #retryLater(entry: Entry): void {
    if (!this.#isRunning || entry.failure === undefined) return;
    const delayMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(16, entry.failure.times - 1));
    entry.retry?.[Symbol.dispose]();
    entry.retry = this.#needs.clock.setTimeout(() => {
      entry.retry = undefined;
      if (this.#needs.clock.now() - entry.wantedAtMs > UNWANTED_MS) return;
      void this.#lookUp(entry).catch(() => undefined);
    }, delayMs);
  }
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}
