import { formatAddress, type Datagrams, type PluginNeeds, type TransportAddress } from '@wirepath/core/plugin';
import { openGatewayLink, type Standpoint } from './edge/gateway-link.js';
import { runInquiry, type PortmapDrops, type RunContext, type Runnable } from './edge/run-inquiry.js';
import { JoinedTask } from './joined-task.js';
import { isOver, sameStandpoint, type Lease } from './lease.js';
import { Epoch } from './protocol/epoch.js';
import {
  PROTOCOL_NAMES,
  type Inquiry,
  type Mapping,
  type Outcome,
  type Protocol,
  type Wish,
} from './protocol/inquiry.js';
import { NatPmpInquiry } from './protocol/nat-pmp.js';
import { PcpInquiry } from './protocol/pcp.js';
import { Race, type RaceOutcome } from './protocol/race.js';
import { noMapping } from './sentences.js';

/** After a gateway that has just been asked nobody asks it again, whoever else wants to know. */
const FRESH_MS = 1000;
/** The node stops: it waits for no gateway longer. */
const UNMAP_LIMIT_MS = 1500;
/** One that maps nothing is asked again later and later; at once when the network has changed. */
const RETRY_MS = 60_000;
const MAX_RETRY_MS = 15 * 60_000;

export interface GatewayClientNeeds extends Pick<PluginNeeds, 'logger' | 'clock' | 'random' | 'guard'> {
  readonly outside: Pick<PluginNeeds['outside'], 'connect'>;
  readonly drops: PortmapDrops;
  readonly lifetimeSeconds: number;
  readonly protocols: readonly Protocol[];
  readonly description: string;
  /** 12 bytes that only this node can make, the same for the same text. */
  readonly nonce: (text: string) => Uint8Array;
}

interface InquiryOptions {
  readonly remove?: boolean;
  readonly mapping?: Mapping | undefined;
}

/** The mapping of one family at the default gateway: made, renewed, made again elsewhere, removed. */
export class GatewayClient {
  readonly #needs: GatewayClientNeeds;
  readonly #work = new JoinedTask();
  readonly #epoch = new Epoch();
  #lease: Lease | undefined;
  #problem: string | undefined;
  #askedAtMs = -Infinity;
  #retryMs = RETRY_MS;

  constructor(needs: GatewayClientNeeds) {
    this.#needs = needs;
  }

  get lease(): Lease | undefined {
    return this.#lease;
  }

  get external(): TransportAddress | undefined {
    return this.#lease?.mapping.external;
  }

  /** Why there is no mapping, or why one is not renewed. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** When a gateway that maps nothing is to be asked again. */
  get retryAt(): number {
    return this.#askedAtMs + this.#retryMs;
  }

  /** There is none to ask (any more). */
  leave(): void {
    this.#lease = undefined;
    this.#problem = undefined;
    this.#epoch.forget();
  }

  /** Sees to it that there is a mapping, and that the gateway still has it. Resolves early when the signal aborts. */
  ensure(at: Standpoint, datagrams: Datagrams | undefined, signal: AbortSignal): Promise<void> {
    return this.#work.join(signal, (shared) => this.#ensure(at, datagrams, shared));
  }

  /** Takes the mapping back, within {@link UNMAP_LIMIT_MS}. */
  async unmap(datagrams: Datagrams | undefined): Promise<void> {
    await this.#work.cancel();
    const lease = this.#lease;
    this.leave();
    if (lease === undefined) return;
    const limit = new AbortController();
    const timer = this.#needs.clock.setTimeout(() => limit.abort(), UNMAP_LIMIT_MS);
    try {
      const { at, mapping } = lease;
      const make = await this.#maker([mapping.protocol]);
      const wish = this.#wish(at, mapping.external.port);
      const context = this.#context(at, datagrams, limit.signal);
      const outcome = await runInquiry(
        (now): Runnable<Outcome> => make(mapping.protocol, wish, now, { remove: true, mapping }),
        context,
      );
      const left = outcome?.kind === 'failed' ? outcome.reason : 'no answer';
      if (outcome?.kind !== 'unmapped')
        this.#needs.logger.warn('the gateway keeps a mapping of ours until it expires', { reason: left });
    } finally {
      timer[Symbol.dispose]();
    }
  }

  async #ensure(at: Standpoint, datagrams: Datagrams | undefined, signal: AbortSignal): Promise<void> {
    const { clock } = this.#needs;
    const before = this.#lease;
    if (before !== undefined && !sameStandpoint(before.at, at)) this.leave();
    else if (before !== undefined && clock.now() - before.grantedAtMs < FRESH_MS) return;
    const context = this.#context(at, datagrams, signal);
    const renewed = this.#lease === undefined ? undefined : await this.#renew(this.#lease, context);
    if (renewed !== undefined || signal.aborted) return;
    const outcome = await this.#race(at, before?.mapping.external.port ?? at.internalPort, context);
    if (outcome === undefined) return;
    this.#askedAtMs = clock.now();
    if (outcome.kind === 'mapped') return this.#granted(at, outcome.mapping);
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2);
    this.#note(noMapping(at, outcome.failures));
    // Until it is over the gateway may forward all the same: one that was ended, not told to forget.
    if (this.#lease !== undefined && isOver(this.#lease, clock.now())) this.#lease = undefined;
  }

  /** Asks by the protocol that granted it. @returns undefined where that brings nothing. */
  async #renew({ at, mapping }: Lease, context: RunContext): Promise<Mapping | undefined> {
    const make = await this.#maker([mapping.protocol]);
    const wish = this.#wish(at, mapping.external.port);
    const outcome = await runInquiry((now) => new Race([make(mapping.protocol, wish, now, { mapping })]), context);
    if (outcome?.kind !== 'mapped') return undefined;
    this.#granted(at, outcome.mapping);
    return outcome.mapping;
  }

  async #race(at: Standpoint, suggestedPort: number, context: RunContext): Promise<RaceOutcome | undefined> {
    // Over IPv6 there is nothing to translate, and only PCP opens what is closed.
    const protocols = this.#needs.protocols.filter((protocol) => at.family === 4 || protocol === 'pcp');
    const make = await this.#maker(protocols);
    const wish = this.#wish(at, suggestedPort);
    return runInquiry((now) => new Race(protocols.map((protocol) => make(protocol, wish, now, {}))), context);
  }

  /** UPnP's part is loaded when it is first needed. */
  async #maker(protocols: readonly Protocol[]) {
    const upnp = protocols.includes('upnp') ? await import('./upnp/upnp.js') : undefined;
    const random = () => {
      const [high = 0, low = 0] = this.#needs.random.bytes(2);
      return (high * 256 + low) / 65_536;
    };
    return (protocol: Protocol, wish: Wish, now: number, { remove = false, mapping }: InquiryOptions): Inquiry => {
      if (protocol === 'pcp') return new PcpInquiry(wish, now, { remove });
      if (protocol === 'nat-pmp' || upnp === undefined) return new NatPmpInquiry(wish, now, { remove });
      return new upnp.UpnpInquiry(wish, now, { remove, service: mapping?.service, random });
    };
  }

  #granted(at: Standpoint, mapping: Mapping): void {
    const { clock, logger } = this.#needs;
    const nowMs = clock.now();
    const before = this.#lease?.mapping;
    const { epochSeconds, protocol, external } = mapping;
    if (before?.protocol !== protocol) this.#epoch.forget();
    if (epochSeconds !== undefined && !this.#epoch.isConsistent(epochSeconds, nowMs))
      logger.info('the gateway was started anew, and has our mapping again', { gateway: at.gatewayIp });
    if (before === undefined || formatAddress(before.external) !== formatAddress(external))
      logger.info('the gateway forwards a port to us', {
        gateway: at.gatewayIp,
        by: PROTOCOL_NAMES[protocol],
        address: formatAddress(external),
        lifetimeSeconds: mapping.lifetimeMs / 1000,
      });
    this.#lease = { at, mapping, grantedAtMs: nowMs };
    this.#retryMs = RETRY_MS;
    this.#note(undefined);
  }

  /** Logs a line when it is another than before. */
  #note(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem) this.#needs.logger.warn(problem);
    this.#problem = problem;
  }

  #wish(at: Standpoint, suggestedPort: number): Wish {
    const { lifetimeSeconds, description, nonce } = this.#needs;
    const { clientIp, gatewayIp, internalPort } = at;
    const text = `${gatewayIp} ${clientIp} ${internalPort}`;
    return { clientIp, gatewayIp, internalPort, suggestedPort, lifetimeSeconds, nonce: nonce(text), description };
  }

  #context(at: Standpoint, datagrams: Datagrams | undefined, signal: AbortSignal): RunContext {
    const { clock, drops } = this.#needs;
    const open: RunContext['open'] = (onDatagram) => openGatewayLink(at, datagrams, this.#needs, onDatagram, signal);
    return { clock, drops, gatewayIp: at.gatewayIp, signal, open };
  }
}
