import { formatAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { PublicKey } from '../base/identity/identity.js';
import type { Logger } from '../base/logging/logger.js';
import { reasonOf } from '../base/errors/reason-of.js';
import type { Clock, RandomSource } from '../base/time/clock.js';
import type { Base } from '../contracts/candidate-base.js';
import type { Transport } from '../contracts/transport.js';
import { ConnectivityChecks } from './transport/connectivity-checks.js';
import type { OwnTraffic } from './transport/own-traffic.js';
import { RelayPlugins, type NamedRelay } from './plugins/relay-plugins.js';
import type { SignalExchange } from './plugins/signal-exchange.js';
import { SourcePlugins, type NamedSource } from './plugins/source-plugins.js';
import { ENDPOINT_TRIAL_MS } from '../engine/timings.js';
import { TransportPort } from './transport/transport-port.js';
import type { DriverEffect } from './driver/effects.js';
import type { DriverEvent } from './driver/events.js';

type EffectOf<T extends DriverEffect['type']> = Extract<DriverEffect, { type: T }>;

export interface DriverPortsNeeds {
  readonly transport: Transport;
  readonly candidateSources: readonly NamedSource[];
  readonly relays: readonly NamedRelay[];
  readonly signals: Pick<SignalExchange, 'nudge' | 'send'>;
  readonly ownTraffic: OwnTraffic;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly logger: Logger;
  readonly onEvent: (event: DriverEvent) => void;
  readonly onChanged: (peer: PublicKey) => void;
  /** This node as servers see it. */
  readonly reflexive: () => readonly TransportAddress[];
  readonly onPong: (pong: EffectOf<'pong'>) => void;
}

/** What the driver of a node meets: a transport, and plugins. Performs its effects, and brings it what comes of them. */
export class DriverPorts {
  readonly transport: TransportPort;
  readonly sources: SourcePlugins;
  readonly relays: RelayPlugins;
  readonly #needs: DriverPortsNeeds;
  /** Of the run. */
  #signal: AbortSignal | undefined;

  constructor(needs: DriverPortsNeeds) {
    this.#needs = needs;
    const { transport, random, ownTraffic, clock, logger, onEvent } = needs;
    const checks = new ConnectivityChecks((length) => random.bytes(length));
    this.transport = new TransportPort({ transport, checks, loops: ownTraffic.watch, onEvent });
    const { reflexive } = needs;
    const sockets = () => ({
      datagrams: ownTraffic.sockets.datagrams,
      listenPort: ownTraffic.sockets.listenPort,
      reflexive,
    });
    this.sources = new SourcePlugins(needs.candidateSources, { clock, logger, sockets, onEvent });
    this.relays = new RelayPlugins(needs.relays, { clock, logger, datagrams: () => sockets().datagrams, onEvent });
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    this.transport.start();
    this.tellSockets();
  }

  async stop(): Promise<void> {
    this.#signal = undefined;
    this.transport.stop();
    this.sources.stop();
    await this.relays.stop();
  }

  tellSockets(): void {
    this.#needs.onEvent({ type: 'sockets', bases: this.#needs.transport.datagrams?.bases });
  }

  /** Looks at every mapping, and renews every allocation. @returns whether a mapping has changed. */
  async refresh(signal: AbortSignal): Promise<boolean> {
    const [changed] = await Promise.all([this.sources.refresh(signal), this.relays.renew(signal)]);
    return changed;
  }

  perform(effect: DriverEffect): void {
    const { signals, onChanged, onPong, onEvent } = this.#needs;
    const signal = this.#signal;
    switch (effect.type) {
      case 'gather':
      case 'learn-binding-lifetime':
        if (signal !== undefined) this.sources.perform(effect);
        break;
      case 'refresh':
        if (signal !== undefined) void this.refresh(signal).finally(() => onEvent({ type: 'refreshed' }));
        break;
      case 'allocate':
      case 'probe-relay':
      case 'close-allocation':
      case 'renew-allocations':
      case 'permit':
      case 'release':
      case 'relay-down':
        return this.relays.perform(effect);
      case 'nudge-signaling':
        return signals.nudge();
      case 'send-message':
        return signals.send(effect.to, effect.message);
      case 'open-bases':
        if (signal !== undefined) void this.#openBases(effect, signal);
        break;
      case 'try-endpoint':
        if (signal !== undefined) void this.#tryEndpoint(effect, signal);
        break;
      case 'pong':
        return onPong(effect);
      case 'changed':
        return onChanged(effect.peer);
      default:
        this.transport.perform(effect);
    }
  }

  async #openBases({ peer, family, count }: EffectOf<'open-bases'>, signal: AbortSignal): Promise<void> {
    const { transport, logger, onEvent } = this.#needs;
    const bases: Base[] = [];
    try {
      while (transport.datagrams !== undefined && bases.length < count && !signal.aborted)
        bases.push(await transport.datagrams.openBase(family, { signal }));
    } catch (error) {
      // The system gives no more sockets: what there is has to do.
      logger.debug('no more sockets', { opened: bases.length, reason: reasonOf(error) });
    }
    onEvent({ type: 'bases-opened', peer, bases });
  }

  /** A transport that cannot say whether the peer is there has not proven it. */
  async #tryEndpoint({ peer, trial, address }: EffectOf<'try-endpoint'>, signal: AbortSignal): Promise<void> {
    const { transport, logger, onEvent } = this.#needs;
    let proven = false;
    try {
      proven = (await transport.tryEndpoint?.(peer, address, { timeoutMs: ENDPOINT_TRIAL_MS, signal })) === true;
    } catch (error) {
      logger.warn('an endpoint could not be tried', {
        peer,
        endpoint: formatAddress(address),
        reason: reasonOf(error),
      });
    }
    if (!signal.aborted) onEvent({ type: 'endpoint-tried', peer, trial, proven });
  }
}
