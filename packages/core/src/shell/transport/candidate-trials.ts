import type { Clock } from '../../base/time/clock.js';
import type { PublicKey } from '../../base/identity/identity.js';
import type { Logger } from '../../base/logging/logger.js';
import { statsOf, type Transport } from '../../contracts/transport.js';
import type { CallMessage } from '../../engine/messages.js';
import { formatAddress, sameAddress, type TransportAddress } from '@wirepath/stun-codec';
import { reasonOf } from '../../base/errors/reason-of.js';

/** WireGuard's REJECT_AFTER_TIME: a session does not live longer without a handshake. */
const SESSION_MS = 180_000;

/** One trial: long enough for a handshake to be lost once and repeated. */
const TRIAL_MS = 6000;

/**
 * Finds the endpoint of peers for a transport that owns no socket (UAPI sub-mode native): one candidate after another,
 * best first, each proven by the device or taken back. There are no checks and there is no relay.
 */
export class CandidateTrials {
  readonly #running = new Map<PublicKey, AbortController>();

  constructor(
    readonly transport: Transport,
    readonly clock: Clock,
    readonly logger: Logger,
    /** Why an address must not be sent to; undefined where it may. */
    readonly refuse: (address: TransportAddress) => string | undefined,
    readonly maxTrials: number,
  ) {}

  /** The peer has said where it is: try that, instead of what it said before. A session that lives there is left alone. */
  begin(peer: PublicKey, message: CallMessage): void {
    if (this.#isAliveAt(peer, message)) return;
    const trial = new AbortController();
    this.#running.get(peer)?.abort();
    this.#running.set(peer, trial);
    void this.#tryAll(peer, message, trial.signal).catch((error: unknown) => {
      const reason = reasonOf(error);
      this.logger.warn('no endpoint could be tried', { peer, reason });
    });
  }

  end(peer: PublicKey): void {
    this.#running.get(peer)?.abort();
    this.#running.delete(peer);
  }

  stop(): void {
    for (const peer of [...this.#running.keys()]) this.end(peer);
  }

  #isAliveAt(peer: PublicKey, { candidates }: CallMessage): boolean {
    const stats = statsOf(this.transport, peer);
    const { endpoint, lastHandshakeMs } = stats ?? {};
    if (endpoint == null || lastHandshakeMs == null) return false;
    const isAlive = this.clock.unixMs() - lastHandshakeMs < SESSION_MS;
    return isAlive && candidates.some(({ address }) => sameAddress(address, endpoint));
  }

  async #tryAll(peer: PublicKey, { candidates }: CallMessage, signal: AbortSignal): Promise<void> {
    const usable = candidates.filter(({ type, address }) => {
      const reason = this.refuse(address);
      if (reason !== undefined)
        this.logger.debug('endpoint refused', { peer, endpoint: formatAddress(address), reason });
      return type !== 'relayed' && reason === undefined;
    });
    for (const { address } of usable.sort((a, b) => b.priority - a.priority).slice(0, this.maxTrials)) {
      if (signal.aborted) return;
      const proven = await this.transport.tryEndpoint?.(peer, address, { timeoutMs: TRIAL_MS, signal });
      this.logger.debug('endpoint tried', { peer, endpoint: formatAddress(address), proven });
      if (proven === true) return;
    }
  }
}
