import type { Clock, Counters } from '@wirepath/core/plugin';
import type { GatewayAnswer, GatewayRequest, HttpRequest } from '../protocol/inquiry.js';
import type { GatewayLink, OnDatagram } from './gateway-link.js';

/** One HTTP exchange; a gateway is on our own link. */
const HTTP_LIMIT_MS = 4000;
/** Datagrams that are looked at for one inquiry: thousands of answers cost no more. */
const MAX_DATAGRAMS = 256;

/** Why datagrams to our sockets were not read, in `status`. */
export const PORTMAP_DROP_REASONS = ['foreign', 'unknown', 'too-many'] as const;
export type PortmapDrops = Counters<(typeof PORTMAP_DROP_REASONS)[number]>;

/** What is run: an inquiry, or a race of some. */
export interface Runnable<O> {
  readonly outcome: O | undefined;
  nextTimeout(): number;
  handleTimeout(now: number): void;
  handle(answer: GatewayAnswer, now: number): boolean;
  takeRequests(): GatewayRequest[];
}

export interface RunContext {
  readonly clock: Clock;
  readonly drops: PortmapDrops;
  readonly gatewayIp: string;
  readonly signal: AbortSignal;
  readonly open: (onDatagram: OnDatagram) => Promise<GatewayLink>;
}

/**
 * Runs an inquiry over a link of its own, which is closed afterwards.
 * @returns its outcome; undefined where it was aborted. @throws what opening the link throws.
 */
export async function runInquiry<O>(start: (now: number) => Runnable<O>, context: RunContext): Promise<O | undefined> {
  if (context.signal.aborted) return undefined;
  const run = new Run<O>(context);
  using link = await context.open((from, bytes) => run.receive({ kind: 'datagram', from, bytes }));
  return await run.until(start(context.clock.now()), link);
}

class Run<O> {
  readonly #context: RunContext;
  readonly #ended = new AbortController();
  #runnable: Runnable<O> | undefined;
  #link: GatewayLink | undefined;
  #timer: Disposable | undefined;
  #datagrams = 0;
  #finish: () => void = () => undefined;

  constructor(context: RunContext) {
    this.#context = context;
  }

  async until(runnable: Runnable<O>, link: GatewayLink): Promise<O | undefined> {
    const { signal } = this.#context;
    this.#runnable = runnable;
    this.#link = link;
    try {
      await new Promise<void>((resolve) => {
        this.#finish = resolve;
        signal.addEventListener('abort', this.#finish, { once: true });
        if (signal.aborted) resolve();
        else this.#step();
      });
      return runnable.outcome;
    } finally {
      signal.removeEventListener('abort', this.#finish);
      this.#timer?.[Symbol.dispose]();
      this.#runnable = undefined;
      this.#ended.abort();
    }
  }

  receive(answer: Extract<GatewayAnswer, { kind: 'datagram' }>): void {
    const { drops, gatewayIp, clock } = this.#context;
    if (answer.from.ip !== gatewayIp) return drops.count('foreign');
    this.#datagrams += 1;
    if (this.#datagrams > MAX_DATAGRAMS) return drops.count('too-many');
    if (this.#runnable?.handle(answer, clock.now()) === false) drops.count('unknown');
    this.#step();
  }

  #step(): void {
    const runnable = this.#runnable;
    if (runnable === undefined) return;
    const { clock } = this.#context;
    for (const request of runnable.takeRequests()) this.#perform(request);
    if (runnable.outcome !== undefined) return this.#finish();
    this.#timer?.[Symbol.dispose]();
    const nextAt = runnable.nextTimeout();
    if (nextAt === Infinity) return;
    this.#timer = clock.setTimeout(() => {
      runnable.handleTimeout(clock.now());
      this.#step();
    }, nextAt - clock.now());
  }

  #perform(request: GatewayRequest): void {
    if (request.kind === 'datagram') this.#link?.send(request.to, request.bytes);
    else void this.#exchange(request.id, request.request);
  }

  async #exchange(id: number, request: HttpRequest): Promise<void> {
    const { clock } = this.#context;
    const limit = new AbortController();
    const abort = () => limit.abort();
    // What is said at the end still goes out, and nobody waits for its answer.
    const isFarewell = this.#runnable?.outcome !== undefined;
    if (!isFarewell) this.#ended.signal.addEventListener('abort', abort, { once: true });
    const timer = clock.setTimeout(abort, HTTP_LIMIT_MS);
    let answer: GatewayAnswer;
    try {
      const response = await this.#link?.http(request, limit.signal);
      answer = { kind: 'http', id, status: response?.status ?? 0, body: response?.body ?? '' };
    } catch (error) {
      const late = `HTTP takes longer than ${HTTP_LIMIT_MS / 1000} s`;
      answer = { kind: 'http-failed', id, reason: limit.signal.aborted ? late : reasonOf(error) };
    } finally {
      timer[Symbol.dispose]();
      this.#ended.signal.removeEventListener('abort', abort);
    }
    this.#runnable?.handle(answer, clock.now());
    this.#step();
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'HTTP fails';
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? error.message : `HTTP fails: ${code}`;
}
