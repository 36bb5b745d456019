import { isIP } from 'node:net';
import { tryTransportAddress, type TransportAddress } from '@wirepath/stun-codec';

const DNS_PORT = 53;
/** The C library takes three; what writes more means them. */
const SERVERS_MAX = 8;
const SEARCH_MAX = 6;
const NDOTS_MAX = 15;

/** What resolv.conf(5) says, as far as it concerns looking up addresses. */
export interface ResolverConfig {
  /** In the order of the file. */
  readonly servers: readonly TransportAddress[];
  /** Domains that short names are looked for in, without dots around them. */
  readonly search: readonly string[];
  /** A name with fewer dots is looked for in the search domains first. */
  readonly ndots: number;
  /** How long one server is waited for; undefined: not said. */
  readonly timeoutSeconds: number | undefined;
  /** How often each is asked; undefined: not said. */
  readonly attempts: number | undefined;
  /** Another server comes first each time. */
  readonly rotate: boolean;
  /** TCP only (`use-vc`). */
  readonly tcpOnly: boolean;
}

/**
 * Reads resolv.conf(5). Lines that it does not know are passed over, as the C library does. Of a server, a port is taken too:
 * `192.0.2.1:5353`, `[2001:db8::1]:5353`, and a scope: `fe80::1%eth0`.
 */
export function parseResolverConfig(text: string): ResolverConfig {
  const servers: TransportAddress[] = [];
  let search: readonly string[] = [];
  const options = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [keyword = '', ...words] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    switch (keyword) {
      case 'nameserver': {
        const server = parseServer(words[0] ?? '');
        if (server !== undefined && servers.length < SERVERS_MAX) servers.push(server);
        break;
      }
      // The last of the two counts.
      case 'domain':
        search = domains(words.slice(0, 1));
        break;
      case 'search':
        search = domains(words);
        break;
      case 'options':
        for (const option of words) {
          const [name = '', value = ''] = option.split(':', 2);
          options.set(name, value);
        }
    }
  }
  return {
    servers,
    search,
    ndots: Math.min(NDOTS_MAX, numberOf(options.get('ndots')) ?? 1),
    timeoutSeconds: numberOf(options.get('timeout')),
    attempts: numberOf(options.get('attempts')),
    rotate: options.has('rotate'),
    tcpOnly: options.has('use-vc'),
  };
}

/** @returns undefined for what is no address. */
export function parseServer(text: string): TransportAddress | undefined {
  if (isIP(text) !== 0) return tryTransportAddress(text, DNS_PORT);
  const [, v6, v4, port = ''] = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const ip = v6 ?? v4 ?? '';
  const number = port === '' ? DNS_PORT : Number(port);
  return isIP(ip) === (v6 === undefined ? 4 : 6) && number > 0 ? tryTransportAddress(ip, number) : undefined;
}

/** The names to ask for, in their order: a name that ends with a dot is whole, a short one is looked for in the search domains first. */
export function namesToAsk(
  host: string,
  { search, ndots }: Pick<ResolverConfig, 'search' | 'ndots'>,
): readonly string[] {
  if (host.endsWith('.')) return [host.slice(0, -1)];
  const dots = host.split('.').length - 1;
  const inDomains = search.map((domain) => `${host}.${domain}`);
  return dots >= ndots ? [host, ...inDomains] : [...inDomains, host];
}

function domains(words: readonly string[]): readonly string[] {
  return words
    .map((word) => word.replace(/^\.+|\.+$/g, ''))
    .filter((word) => word !== '')
    .slice(0, SEARCH_MAX);
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : undefined;
}
