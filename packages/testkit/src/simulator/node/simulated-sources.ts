import {
  sameAddress,
  transportAddress,
  type DriverEvent,
  type GatheredCandidate,
  type NatBehavior,
  type TransportAddress,
} from '@wirepath/core';
import type { VirtualHost } from '../../network/virtual-host.js';
import { SimulatedPortMapping, type SimulatedPortMappingNeeds } from './simulated-port-mapping.js';
import { SimulatedStun, type SimulatedStunNeeds, type StunAnswer } from './simulated-stun.js';

export interface SimulatedSourcesNeeds extends SimulatedStunNeeds {
  readonly datagrams: SimulatedPortMappingNeeds['datagrams'];
  readonly host: VirtualHost;
  readonly listenPort: number;
  /** That maps ports; undefined: none. */
  readonly gateway?: TransportAddress | undefined;
  /** What it knows of its NAT. It does not find out by itself. */
  readonly natBehavior: NatBehavior;
  readonly onEvent: (event: DriverEvent) => void;
}

/** Three candidate sources, the host's addresses, STUN servers and the gateway, with callbacks in the place of promises. */
export class SimulatedSources {
  readonly #needs: SimulatedSourcesNeeds;
  readonly #stun: SimulatedStun;
  readonly #portMapping: SimulatedPortMapping | undefined;
  /** What the newest gathering was told; undefined before the first. */
  #known: readonly StunAnswer[] | undefined;
  #gathering: Disposable | undefined;

  constructor(needs: SimulatedSourcesNeeds) {
    this.#needs = needs;
    this.#stun = new SimulatedStun(needs);
    const { gateway, datagrams, clock, listenPort, onEvent } = needs;
    if (gateway === undefined) return;
    this.#portMapping = new SimulatedPortMapping({
      gateway,
      datagrams,
      clock,
      listenPort,
      onMapped: (address) => {
        const candidates = address === undefined ? [] : [this.#mapped(address)];
        for (const candidate of candidates) onEvent({ type: 'candidate', source: 'portmap', candidate });
        onEvent({ type: 'gathered', source: 'portmap', candidates });
      },
    });
  }

  gather(): void {
    const { onEvent, host, listenPort, natBehavior } = this.#needs;
    this.#gathering?.[Symbol.dispose]();
    const { bindingLifetimeMs: _learntApart, ...behavior } = natBehavior;
    onEvent({ type: 'nat-behavior', natBehavior: behavior });
    const hosts = host.ips.map((ip, index) => ({
      type: 'host' as const,
      address: transportAddress(ip, listenPort),
      // Of several addresses the first is preferred, as by `@wirepath/source-host`.
      localPreference: (ip.includes(':') ? 65_535 : 65_534) - index,
    }));
    for (const candidate of hosts)
      onEvent({ type: 'candidate', source: 'host', candidate: this.#discovered(candidate) });
    onEvent({ type: 'gathered', source: 'host', candidates: hosts.map((candidate) => this.#discovered(candidate)) });
    this.#portMapping?.ask();
    const answers: StunAnswer[] = [];
    const candidateOf = ({ base, mapped }: StunAnswer) =>
      this.#discovered({ type: 'server-reflexive', address: mapped, base });
    this.#gathering = this.#stun.ask(
      (answer) => {
        answers.push(answer);
        onEvent({ type: 'candidate', source: 'stun', candidate: candidateOf(answer) });
      },
      () => {
        this.#known = answers;
        onEvent({ type: 'gathered', source: 'stun', candidates: answers.map(candidateOf) });
        onEvent({ type: 'gathering-ended' });
      },
    );
  }

  /** Have mappings changed? The first answer that is new is enough. */
  refresh(): void {
    const { onEvent } = this.#needs;
    this.#portMapping?.ask();
    const known = this.#known;
    if (known === undefined) return onEvent({ type: 'refreshed' });
    this.#stun.ask(
      (answer) => {
        if (isKnown(answer, known)) return;
        onEvent({ type: 'mapping-changed' });
        return 'enough';
      },
      () => onEvent({ type: 'refreshed' }),
    );
  }

  learnBindingLifetime(): void {
    const { onEvent, natBehavior } = this.#needs;
    const { bindingLifetimeMs: ms } = natBehavior;
    if (ms !== undefined) onEvent({ type: 'binding-lifetime', ms });
  }

  stop(): void {
    this.#portMapping?.unmap();
    this.#stun.stop();
  }

  #mapped(address: TransportAddress) {
    return this.#discovered({ type: 'server-reflexive', address, server: 'gateway', forwardedBy: 'the gateway' });
  }

  #discovered(candidate: GatheredCandidate): GatheredCandidate & { readonly discoveredAtMs: number } {
    return { ...candidate, discoveredAtMs: this.#needs.clock.unixMs() };
  }
}

/** A server that was silent before brings news only where no other one told the same. */
function isKnown({ base, server, mapped }: StunAnswer, known: readonly StunAnswer[]): boolean {
  const ofBase = known.filter((one) => one.base.id === base.id);
  const before = ofBase.find((one) => sameAddress(one.server, server));
  return before === undefined
    ? ofBase.some((one) => sameAddress(one.mapped, mapped))
    : sameAddress(before.mapped, mapped);
}
