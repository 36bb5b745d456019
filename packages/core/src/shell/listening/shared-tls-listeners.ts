import type {
  LentTlsListener,
  TlsListeners,
  TlsListenOptions,
  TlsTaker,
} from '../../contracts/plugin/tls-listeners.js';
import { CodedError } from '../../base/errors/coded-error.js';
import { formatAddress, transportAddress } from '@wirepath/stun-codec';
import { openFilesLimit, roomForConnections } from '../../base/limits/open-files.js';
import { TlsListener, type TlsListenerNeeds } from './tls-listener.js';

interface Shared {
  readonly options: TlsListenOptions;
  readonly opened: Promise<TlsListener>;
}

/** {@link TlsListeners} of one process. */
export class SharedTlsListeners implements TlsListeners {
  readonly #needs: TlsListenerNeeds;
  readonly #shared = new Map<string, Shared>();

  constructor(needs: TlsListenerNeeds) {
    this.#needs = needs;
  }

  async listen(options: TlsListenOptions, taker: TlsTaker): Promise<LentTlsListener> {
    const { shared, key } = this.#at(options);
    if (options.certFile !== shared.options.certFile || options.keyFile !== shared.options.keyFile)
      throw new CodedError('CONFIG', `two certificates at ${key}: ${shared.options.certFile}, ${options.certFile}`, {
        subject: options.certFile,
        advice: 'Sections that share an address need one certificate: name the same files in both.',
      });
    const listener = await shared.opened.catch((error: unknown) => {
      if (this.#shared.get(key) === shared) this.#shared.delete(key);
      throw error;
    });
    listener.add(taker);
    return {
      port: listener.port,
      renew: (certificate) => listener.renew(certificate),
      figures: () => (listener.isFirst(taker) ? listener.figures : undefined),
      problems: () => (listener.isFirst(taker) ? listener.problems() : []),
      close: () => {
        if (!listener.remove(taker)) return;
        if (this.#shared.get(key) === shared) this.#shared.delete(key);
        listener.close();
      },
    };
  }

  #at(options: TlsListenOptions): { readonly key: string; readonly shared: Shared } {
    const key = formatAddress(transportAddress(options.ip, options.port));
    // Any port is nobody else's.
    const known = options.port === 0 ? undefined : this.#shared.get(key);
    if (known !== undefined) return { key, shared: known };
    const shared = { options, opened: this.#open(options) };
    this.#shared.set(key, shared);
    return { key, shared };
  }

  async #open(options: TlsListenOptions): Promise<TlsListener> {
    const openFiles = await openFilesLimit();
    const room = openFiles === undefined ? Infinity : roomForConnections(openFiles);
    return TlsListener.open(options, this.#needs, room);
  }
}
