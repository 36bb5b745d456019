import type { TransportAddress } from '@wirepath/stun-codec';
import type { GatherContext } from '../../contracts/candidate-source.js';
import type { Logger } from '../../base/logging/logger.js';
import type { NamedSource } from './local-candidates.js';
import { reasonOf } from '../../base/errors/reason-of.js';
import { shown } from '../../base/guard/refusals.js';
import { isLifetimeMs } from '../adapters/check-candidate.js';

export interface BindingLifetimeNeeds {
  readonly logger: Logger;
  /** What sources are handed. */
  readonly sockets: () => Pick<GatherContext, 'datagrams' | 'listenPort'>;
  readonly onLearnt: () => void;
}

/** For how long the NAT in front of this node remembers an idle mapping: learnt once for each public address. */
export class BindingLifetime {
  /** Undefined until it is learnt. */
  ms: number | undefined;
  readonly #sources: readonly NamedSource[];
  readonly #needs: BindingLifetimeNeeds;
  #publicIps = '';
  #learning: AbortController | undefined;

  constructor(sources: readonly NamedSource[], needs: BindingLifetimeNeeds) {
    this.#sources = sources;
    this.#needs = needs;
  }

  /** Begins anew where the node is seen at other addresses than before: another NAT. */
  learn(reflexive: readonly TransportAddress[]): void {
    const publicIps = [...new Set(reflexive.map(({ ip }) => ip))].sort().join();
    if (publicIps === '' || publicIps === this.#publicIps) return;
    this.stop();
    this.#publicIps = publicIps;
    this.ms = undefined;
    this.#learning = new AbortController();
    for (const source of this.#sources) void this.#ask(source, this.#learning.signal);
  }

  stop(): void {
    this.#learning?.abort();
    this.#publicIps = '';
  }

  async #ask({ plugin, instance }: NamedSource, signal: AbortSignal): Promise<void> {
    const { logger, sockets, onLearnt } = this.#needs;
    try {
      const ms = await instance.learnBindingLifetime?.({ signal, ...sockets() });
      if (ms === undefined || signal.aborted) return;
      if (!isLifetimeMs(ms)) throw new TypeError(`expected ms, found ${shown(ms)}`);
      this.ms = ms;
      logger.debug('the NAT remembers an idle mapping', { plugin, forMs: ms });
      onLearnt();
    } catch (error) {
      // Keepalives then go by what is assumed.
      const reason = reasonOf(error);
      if (!signal.aborted) logger.debug('binding lifetime not found out', { plugin, reason });
    }
  }
}
