import type { TransportAddress } from '@wirepath/stun-codec';
import type { RandomSource } from '../time/clock.js';
import { encodeDnsQuery, readDnsAnswer, type AddressType, type DnsAnswer, type DnsQuery } from './dns-codec.js';

/** When a server that is silent is asked again, ms after it was asked first. */
const UDP_AT_MS = [0, 700, 2000] as const;
/** UDP may be what does not get through. */
const TCP_AT_MS = 1000;
/** The next server is asked after this, or as soon as the one before has failed: a dead first one costs no more. */
const NEXT_SERVER_MS = 300;
/** One server does not know the name: so long the others have to say otherwise. */
const OTHERS_MS = 500;
/** Of CNAME that the answers leave us to follow. */
const ALIASES_MAX = 8;

/** How to reach a server. */
export type DnsWay = 'udp' | 'tcp';

/** To be done: send `bytes` to the server with this index. What comes back there goes into {@link DnsQuestion.answered}. */
export interface DnsAsk {
  readonly server: number;
  readonly over: DnsWay;
  readonly bytes: Uint8Array;
}

export type DnsOutcome =
  | {
      readonly kind: 'found';
      readonly addresses: readonly string[];
      readonly ttlSeconds: number;
      readonly server: number;
    }
  /** At least one server says that there is none, and none knows better. */
  | { readonly kind: 'nothing'; readonly reason: string; readonly server: number }
  /** Why each server was of no use, by its index. */
  | { readonly kind: 'failed'; readonly reasons: ReadonlyMap<number, string> };

export interface DnsQuestionOptions {
  readonly name: string;
  readonly type: AddressType;
  /** At least one; asked in this order, one soon after the other. */
  readonly servers: readonly TransportAddress[];
  readonly tcpOnly: boolean;
  /** When all are given up, ms after the start. */
  readonly budgetMs: number;
  readonly random: RandomSource;
}

interface Asked {
  startedAtMs: number;
  udpSent: number;
  tcpSent: boolean;
  readonly failed: Map<DnsWay, string>;
  /** It is done with: it said something, or both ways failed. */
  verdict: DnsAnswer | undefined;
}

/**
 * One question to several DNS servers: which is asked when, over what, and what counts as an answer. Pure: no socket, no timer.
 * Every method gives what is to be sent now; once {@link outcome} is there, nothing more is.
 */
export class DnsQuestion {
  readonly #options: DnsQuestionOptions;
  readonly #asked = new Map<number, Asked>();
  #query: DnsQuery;
  #bytes: Uint8Array;
  #order: readonly number[];
  #aliases = 0;
  #ttlSeconds = Infinity;
  #startedAtMs = 0;
  #nothingAtMs = Infinity;
  #outcome: DnsOutcome | undefined;
  /** Datagrams and messages that were no answer to this question. */
  dropped = 0;

  constructor(options: DnsQuestionOptions) {
    this.#options = options;
    this.#order = options.servers.map((_, index) => index);
    this.#query = this.#newQuery(options.name);
    this.#bytes = encodeDnsQuery(this.#query);
  }

  get outcome(): DnsOutcome | undefined {
    return this.#outcome;
  }

  start(now: number): DnsAsk[] {
    this.#startedAtMs = now;
    return this.handleTimeout(now);
  }

  /** Something came from this server: whoever calls has seen to it that the address is the one that was asked. */
  answered(server: number, over: DnsWay, bytes: Uint8Array, now: number): DnsAsk[] {
    const asked = this.#asked.get(server);
    if (this.#outcome !== undefined || asked === undefined || asked.verdict !== undefined) return [];
    const answer = readDnsAnswer(bytes, this.#query);
    if (answer === undefined) {
      this.dropped += 1;
      return [];
    }
    switch (answer.kind) {
      case 'addresses':
        this.#outcome = { ...answer, kind: 'found', ttlSeconds: Math.min(this.#ttlSeconds, answer.ttlSeconds), server };
        return [];
      case 'truncated':
        return this.failed(server, over, 'its answer was cut short', now);
      case 'alias':
        return this.#follow(answer.target, answer.ttlSeconds, server, now);
      case 'nothing':
        this.#nothingAtMs = Math.min(this.#nothingAtMs, now);
        break;
      case 'failed':
    }
    asked.verdict = answer;
    return this.handleTimeout(now);
  }

  /** This way to the server does not work: the other one is tried at once. */
  failed(server: number, over: DnsWay, reason: string, now: number): DnsAsk[] {
    const asked = this.#asked.get(server);
    if (this.#outcome !== undefined || asked === undefined || asked.verdict !== undefined) return [];
    asked.failed.set(over, reason);
    const isOtherLeft = this.#mayUdp(asked) || !asked.failed.has('tcp');
    if (!isOtherLeft) asked.verdict = { kind: 'failed', reason };
    return this.handleTimeout(now);
  }

  handleTimeout(now: number): DnsAsk[] {
    if (this.#outcome !== undefined) return [];
    this.#startDue(now);
    const asks: DnsAsk[] = [];
    for (const [server, asked] of this.#asked) asks.push(...this.#askDue(server, asked, now));
    this.#conclude(now);
    return this.#outcome === undefined ? asks : [];
  }

  /** When to call {@link handleTimeout}, in the terms of `now`; undefined once there is an outcome. */
  nextTimeout(): number | undefined {
    if (this.#outcome !== undefined) return undefined;
    const due = [this.#endsAtMs(), this.#nothingAtMs + OTHERS_MS];
    if (this.#asked.size < this.#order.length) due.push(this.#lastStartMs() + NEXT_SERVER_MS);
    for (const asked of this.#asked.values()) {
      if (asked.verdict !== undefined) continue;
      const udpAtMs = UDP_AT_MS[asked.udpSent];
      if (this.#mayUdp(asked) && udpAtMs !== undefined) due.push(asked.startedAtMs + udpAtMs);
      if (!asked.tcpSent) due.push(asked.startedAtMs + TCP_AT_MS);
    }
    return Math.min(...due);
  }

  #startDue(now: number): void {
    for (const server of this.#order) {
      if (this.#asked.has(server)) continue;
      const areAllDone = [...this.#asked.values()].every(({ verdict }) => verdict !== undefined);
      if (!areAllDone && this.#nothingAtMs === Infinity && now < this.#lastStartMs() + NEXT_SERVER_MS) break;
      this.#asked.set(server, { startedAtMs: now, udpSent: 0, tcpSent: false, failed: new Map(), verdict: undefined });
    }
  }

  #askDue(server: number, asked: Asked, now: number): DnsAsk[] {
    if (asked.verdict !== undefined) return [];
    const asks: DnsAsk[] = [];
    const sinceMs = now - asked.startedAtMs;
    let isUdpDue = false;
    for (; sinceMs >= (UDP_AT_MS[asked.udpSent] ?? Infinity); asked.udpSent += 1) isUdpDue = true;
    if (isUdpDue && this.#mayUdp(asked)) asks.push({ server, over: 'udp', bytes: this.#bytes });
    if (!asked.tcpSent && (!this.#mayUdp(asked) || sinceMs >= TCP_AT_MS)) {
      asked.tcpSent = true;
      asks.push({ server, over: 'tcp', bytes: this.#bytes });
    }
    return asks;
  }

  #mayUdp({ failed }: Asked): boolean {
    return !this.#options.tcpOnly && !failed.has('udp');
  }

  #conclude(now: number): void {
    const isOver = now >= this.#endsAtMs() || now >= this.#nothingAtMs + OTHERS_MS;
    const areAllDone =
      this.#asked.size === this.#order.length &&
      [...this.#asked.values()].every(({ verdict }) => verdict !== undefined);
    if (!isOver && !areAllDone) return;
    const reasons = new Map<number, string>();
    for (const [server, { verdict, failed }] of this.#asked) {
      if (verdict?.kind === 'nothing') {
        this.#outcome = { kind: 'nothing', reason: verdict.reason, server };
        return;
      }
      const reason = verdict?.kind === 'failed' ? verdict.reason : (failed.get('udp') ?? 'no answer');
      reasons.set(server, reason);
    }
    this.#outcome = { kind: 'failed', reasons };
  }

  /** The server that told of the alias is asked for it first. */
  #follow(target: string, ttlSeconds: number, server: number, now: number): DnsAsk[] {
    this.#aliases += 1;
    this.#ttlSeconds = Math.min(this.#ttlSeconds, ttlSeconds);
    if (this.#aliases > ALIASES_MAX) {
      this.#outcome = { kind: 'failed', reasons: new Map([[server, 'names that stand for each other without end']]) };
      return [];
    }
    this.#query = this.#newQuery(target);
    this.#bytes = encodeDnsQuery(this.#query);
    this.#order = [server, ...this.#order.filter((other) => other !== server)];
    this.#asked.clear();
    this.#nothingAtMs = Infinity;
    return this.handleTimeout(now);
  }

  #newQuery(name: string): DnsQuery {
    const { type, random } = this.#options;
    const [high = 0, low = 0] = random.bytes(2);
    return { id: high * 256 + low, name, type };
  }

  #endsAtMs(): number {
    return this.#startedAtMs + this.#options.budgetMs + (this.#order.length - 1) * NEXT_SERVER_MS;
  }

  #lastStartMs(): number {
    let last = -Infinity;
    for (const { startedAtMs } of this.#asked.values()) last = Math.max(last, startedAtMs);
    return last;
  }
}
