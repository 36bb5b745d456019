import {
  transportAddress,
  type CandidateSource,
  type Egress,
  type GatherContext,
  type GatheredCandidate,
  type Logger,
} from '@wirepath/core/plugin';
import { selectHostAddresses, type HostAddressRules } from './host-addresses.js';
import type { NetworkState } from './network-state.js';

const HIGHEST_LOCAL_PREFERENCE = 65535;

export interface HostSourceNeeds {
  readonly logger: Logger;
  readonly egress: Pick<Egress, 'watch'>;
  networkState(): NetworkState;
}

/** Host candidates (RFC 8445 5.1.1.1): this machine's addresses with the port of the shared socket of their family. */
export class HostSource implements CandidateSource {
  readonly #needs: HostSourceNeeds;
  readonly #rules: HostAddressRules;

  constructor(needs: HostSourceNeeds, rules: HostAddressRules) {
    this.#needs = needs;
    this.#rules = rules;
  }

  async *gather({ signal, datagrams, listenPort }: GatherContext): AsyncIterable<GatheredCandidate> {
    const { logger } = this.#needs;
    const portOf = (family: 4 | 6) =>
      datagrams === undefined
        ? listenPort
        : datagrams.bases.find((base) => base.shared && base.family === family)?.port;
    const addresses = selectHostAddresses(this.#needs.networkState(), this.#rules);
    for (const [position, { family, ip, interfaceName, linkKind }] of addresses.entries()) {
      if (signal.aborted) return;
      const port = portOf(family);
      if (port === undefined) {
        logger.debug('no host candidate: the transport has no socket of this family', { ip });
        continue;
      }
      logger.debug('host candidate', { ip, port, interface: interfaceName, linkKind });
      // Unique among host candidates, as RFC 8445 5.1.2.1 asks of hosts with several addresses.
      const localPreference = HIGHEST_LOCAL_PREFERENCE - position;
      yield { type: 'host', address: transportAddress(ip, port), localPreference };
    }
  }

  watch(onChange: () => void): Disposable {
    let last = this.#addressSet();
    return this.#needs.egress.watch(() => {
      const now = this.#addressSet();
      if (now === last) return;
      last = now;
      onChange();
    });
  }

  #addressSet(): string {
    const addresses = selectHostAddresses(this.#needs.networkState(), this.#rules);
    return addresses
      .map(({ ip }) => ip)
      .sort()
      .join(' ');
  }
}
