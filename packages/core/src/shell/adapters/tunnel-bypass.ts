import type { Logger } from '../../base/logging/logger.js';
import type { Signaling } from '../../contracts/signaling.js';
import type { Transport } from '../../contracts/transport.js';
import { resolveServer } from '../../base/addresses/resolve-server.js';
import { reasonOf } from '../../base/errors/reason-of.js';

/**
 * Keeps signalling out of the tunnel: with a peer whose allowed IPs cover everything, the rendezvous server would be looked
 * for behind the very peer that it is needed to find.
 */
export class TunnelBypass {
  readonly #held: Disposable[] = [];

  constructor(
    readonly transport: Transport,
    readonly logger: Logger,
  ) {}

  /** Resolves when every server whose address could be found is kept out. */
  async start(signalings: readonly { readonly instance: Signaling }[], signal: AbortSignal): Promise<void> {
    const urls = new Set(signalings.flatMap(({ instance }) => instance.states().map(({ url }) => url)));
    await Promise.all([...urls].map((url) => this.#add(url, signal)));
  }

  stop(): void {
    for (const bypass of this.#held.splice(0)) bypass[Symbol.dispose]();
  }

  async #add(text: string, signal: AbortSignal): Promise<void> {
    if (this.transport.bypassTunnel === undefined || !URL.canParse(text)) return;
    const url = new URL(text);
    const port = Number(url.port) || (url.protocol === 'wss:' || url.protocol === 'https:' ? 443 : 80);
    try {
      const addresses = await resolveServer({ host: url.hostname.replace(/^\[|\]$/g, ''), port }, { signal });
      if (signal.aborted) return;
      for (const address of addresses) this.#held.push(this.transport.bypassTunnel(address));
    } catch (error) {
      const reason = reasonOf(error);
      this.logger.debug('signalling server not resolved: not kept out of the tunnel', { url: text, reason });
    }
  }
}
