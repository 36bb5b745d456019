import { CodedError, type ProxyChoice, type RelayServer } from '@wirepath/core/plugin';
import type { CredentialOptions } from './turn-credential.js';
import { expandAutoUrl, parseTurnUrl, type TurnUrl } from './turn-url.js';

export interface TurnServerOptions extends CredentialOptions {
  /**
   * `turn:203.0.113.10:3478`, `turn:relay.example?transport=tcp`, `turns:relay.example:443`; several of one machine, or
   * `auto:relay.example`: the way that costs least of those that work is taken.
   */
  readonly url: string | readonly string[];
  /** PEM file of the authorities that may sign the certificate for `turns:`. @default the system's */
  readonly caFile?: string | undefined;
  /** HTTP proxy for TCP and TLS. @default that of the environment */
  readonly proxy?: ProxyChoice;
  /** Family of the relayed address. @default that of the server's address */
  readonly family?: 4 | 6 | undefined;
}

/** One way to one machine. */
export interface ConfiguredServer {
  /** What others see of it. */
  readonly shown: RelayServer;
  readonly options: TurnServerOptions;
  readonly target: TurnUrl;
}

/** The URLs that an option `url` stands for. */
export function urlsOf(url: TurnServerOptions['url']): readonly string[] {
  return typeof url === 'string' ? (expandAutoUrl(url) ?? [url]) : url;
}

/**
 * Every way to every machine; those that are as `before` are the same objects.
 * @throws CodedError CONFIG for what is no TURN URL.
 */
export function configuredServers(
  servers: readonly TurnServerOptions[],
  before: readonly ConfiguredServer[] = [],
): readonly ConfiguredServer[] {
  return servers.flatMap((options) => {
    const urls = urlsOf(options.url);
    const group = urls.length < 2 ? {} : { group: typeof options.url === 'string' ? options.url : urls.join(' ') };
    return urls.map((url) => {
      const same = before.find(
        (one) => one.shown.url === url && JSON.stringify(one.options) === JSON.stringify(options),
      );
      if (same !== undefined) return same;
      const target = parseTurnUrl(url);
      if (target === undefined) throw new CodedError('CONFIG', `not a TURN URL: ${JSON.stringify(url)}`);
      return { shown: Object.freeze({ url, transport: target.transport, ...group }), options, target };
    });
  });
}
