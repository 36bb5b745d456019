import { reasonOf } from '../errors/reason-of.js';
import type { Logger } from '../logging/logger.js';
import type { Clock } from '../time/clock.js';
import type { ChangeTrigger } from './change-trigger.js';
import { localAddresses, type LocalAddress } from './local-addresses.js';

/** One change makes several messages: a link comes up, then its address, then its routes. */
const SETTLE_MS = 20;
/** However restless the machine: a list of a hundred addresses costs it about a millisecond. */
const MIN_INTERVAL_MS = 200;
/** Looks that do not wait, in each window: Linux tells of an address a moment before it can be bound to. */
const AT_ONCE_MAX = 3;
const AT_ONCE_WINDOW_MS = 500;
/** An address that the system lists and does not give yet (IPv6: duplicates are looked for) is asked for again. */
const RETRY_MS = 1000;
const MAX_RETRIES = 10;
/** Of a family: more than any host has for itself, less than a process has descriptors. */
export const MAX_ADDRESS_SOCKETS = 64;

export interface AddressSocketsOptions<S> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly trigger: ChangeTrigger;
  /** Which of the system's addresses are to have a socket. @default all */
  readonly select?: ((addresses: readonly LocalAddress[]) => readonly LocalAddress[]) | undefined;
  /**
   * Opens one, at once.
   * @throws the system's error; one without a `code` means that there can be none at all, and nothing is tried again.
   */
  readonly open: (address: LocalAddress) => S;
  readonly close: (socket: S, address: LocalAddress) => void;
  /** How long one stays open whose address has gone, ms: a cable that is pulled for a moment takes it away. @default 0 */
  readonly lingerMs?: number | undefined;
  /** After every look at what has settled: an address or a route may have changed. */
  readonly onLook?: (() => void) | undefined;
  /** @default the system's */
  readonly read?: (() => readonly LocalAddress[]) | undefined;
}

interface OpenSocket<S> {
  readonly socket: S;
  readonly address: LocalAddress;
  /** Undefined while the address is there. */
  goneAtMs: number | undefined;
}

/**
 * One socket for each address of this machine, as they come and go: what is sent from it leaves from the address that was
 * asked, where a socket at the wildcard address leaves the choice to the system. The newest beyond {@link MAX_ADDRESS_SOCKETS}
 * of a family have none.
 */
export class AddressSockets<S> {
  readonly #options: AddressSocketsOptions<S>;
  readonly #open = new Map<string, OpenSocket<S>>();
  readonly #without = new Map<4 | 6, number>();
  readonly #told = new Set<string>();
  #watch: Disposable | undefined;
  #timer: Disposable | undefined;
  #retryTimer: Disposable | undefined;
  #linger: Disposable | undefined;
  #lastLookMs = -Infinity;
  #windowStartMs = -Infinity;
  #atOnce = 0;
  #retries = 0;
  #ended = false;

  constructor(options: AddressSocketsOptions<S>) {
    this.#options = options;
  }

  /** Those of the addresses that there are now are open when it returns. */
  start(): void {
    if (this.#ended || this.#watch !== undefined) return;
    // Watched first, so that nothing happens unseen in between.
    this.#watch = this.#options.trigger(() => {
      this.#retries = 0;
      this.#lookAtOnce();
      this.#schedule(SETTLE_MS);
    });
    this.#look();
  }

  /** By address. */
  get(ip: string): S | undefined {
    return this.#open.get(ip)?.socket;
  }

  sockets(): S[] {
    return Array.from(this.#open.values(), ({ socket }) => socket);
  }

  /** Sentences for people; `port` is said in them. */
  problems(port: number): string[] {
    return [...this.#without].map(
      ([family, count]) =>
        `this machine has ${MAX_ADDRESS_SOCKETS + count} IPv${family} addresses, and UDP port ${port} has sockets of its own on ${MAX_ADDRESS_SOCKETS} of them: what is asked on the others may be answered from another address`,
    );
  }

  /** Closes all, for good. Idempotent. */
  stop(): void {
    this.#ended = true;
    this.#watch?.[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#retryTimer?.[Symbol.dispose]();
    this.#linger?.[Symbol.dispose]();
    this.#without.clear();
    for (const { address } of [...this.#open.values()]) this.#close(address.ip);
  }

  /** Somebody may be asking at a new address already. What has gone may be back in a moment, so that is left for later. */
  #lookAtOnce(): void {
    const nowMs = this.#options.clock.now();
    if (nowMs - this.#windowStartMs >= AT_ONCE_WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#atOnce = 0;
    }
    if (this.#atOnce++ >= AT_ONCE_MAX) return;
    const wanted = this.#wanted();
    if (wanted !== undefined) this.#openAdded(wanted);
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== undefined || this.#ended) return;
    const { clock } = this.#options;
    const earliest = this.#lastLookMs + MIN_INTERVAL_MS - clock.now();
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#look();
      },
      Math.max(delayMs, earliest),
    );
  }

  #look(): void {
    this.#lastLookMs = this.#options.clock.now();
    this.#retryTimer?.[Symbol.dispose]();
    const wanted = this.#wanted();
    if (wanted === undefined) return this.#retry();
    this.#dropGone(wanted);
    if (!this.#openAdded(wanted)) this.#retry();
    if (!this.#ended) this.#options.onLook?.();
  }

  #wanted(): ReadonlyMap<string, LocalAddress> | undefined {
    const { logger, read = localAddresses, select = (all) => all } = this.#options;
    try {
      return new Map(select(read()).map((address) => [address.ip, address]));
    } catch (error) {
      // The system is out of something: what there is goes on.
      logger.debug('the addresses of this machine are not listed', { error: reasonOf(error) });
      return undefined;
    }
  }

  /** @returns false where it is worth another try. */
  #openAdded(wanted: ReadonlyMap<string, LocalAddress>): boolean {
    this.#without.clear();
    let all = true;
    for (const address of wanted.values()) {
      if (this.#ended) break;
      if (!this.#open.has(address.ip) && !this.#openOne(address)) all = false;
    }
    return all;
  }

  #dropGone(present: ReadonlyMap<string, LocalAddress>): void {
    const { clock, lingerMs = 0 } = this.#options;
    const nowMs = clock.now();
    let nextMs = Infinity;
    for (const [ip, open] of [...this.#open]) {
      open.goneAtMs = present.has(ip) ? undefined : (open.goneAtMs ?? nowMs);
      if (open.goneAtMs === undefined) continue;
      const leftMs = open.goneAtMs + lingerMs - nowMs;
      if (leftMs <= 0) this.#close(ip);
      else nextMs = Math.min(nextMs, leftMs);
    }
    this.#linger?.[Symbol.dispose]();
    this.#linger = nextMs === Infinity ? undefined : clock.setTimeout(() => this.#schedule(0), nextMs);
  }

  /** @returns false where it is worth another try. */
  #openOne(address: LocalAddress): boolean {
    const { family, ip } = address;
    const ofFamily = Array.from(this.#open.values()).filter((open) => open.address.family === family);
    const gone = ofFamily.find(({ goneAtMs }) => goneAtMs !== undefined);
    if (ofFamily.length >= MAX_ADDRESS_SOCKETS && gone !== undefined) this.#close(gone.address.ip);
    else if (ofFamily.length >= MAX_ADDRESS_SOCKETS) {
      this.#without.set(family, (this.#without.get(family) ?? 0) + 1);
      return true;
    }
    try {
      this.#open.set(ip, { socket: this.#options.open(address), address, goneAtMs: undefined });
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined) this.stop();
      this.#tell(code ?? 'never', `no socket of its own for an address`, { ip, error: reasonOf(error) });
      return code === undefined;
    }
  }

  #retry(): void {
    if (this.#ended || this.#retries++ >= MAX_RETRIES) return;
    this.#retryTimer = this.#options.clock.setTimeout(() => this.#schedule(0), RETRY_MS);
  }

  #close(ip: string): void {
    const open = this.#open.get(ip);
    this.#open.delete(ip);
    if (open !== undefined) this.#options.close(open.socket, open.address);
  }

  #tell(what: string, message: string, details: Record<string, unknown>): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#options.logger.debug(`${message}: answers from there may leave from another one`, details);
  }
}
