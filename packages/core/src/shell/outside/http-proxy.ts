import { ipToBytes, tryTransportAddress } from '@wirepath/stun-codec';
import { isIP } from 'node:net';
import { isLoopback } from '../../base/addresses/address-scope.js';
import { cidrContains, parseCidr } from '../../base/addresses/cidr.js';
import { CodedError } from '../../base/errors/coded-error.js';
import type { ProxyChoice, ServerAt } from '../../contracts/plugin/outside.js';

export interface HttpProxy extends ServerAt {
  /** TLS is spoken to the proxy itself. */
  readonly secure: boolean;
  /** Value of Proxy-Authorization; a secret. */
  readonly authorization: string | undefined;
  /** Its URL without user and password, for people. */
  readonly shown: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for connections to `server`; undefined where there is to be none. The environment is read as other programs read it:
 * `HTTPS_PROXY` names the proxy, `NO_PROXY` whom to reach without it (names with all that ends in them, addresses, CIDRs, each
 * with a port or without; `*` for all); this machine itself is never reached through one.
 * @throws CodedError PROXY where what is named is no HTTP proxy.
 */
export function proxyFor(server: ServerAt, choice: ProxyChoice, env: Environment): HttpProxy | undefined {
  if (choice === false) return undefined;
  const named = choice ?? env['HTTPS_PROXY'] ?? env['https_proxy'] ?? '';
  if (named === '' || (choice === undefined && isExcepted(server, env['NO_PROXY'] ?? env['no_proxy'] ?? '')))
    return undefined;
  const proxy = parseHttpProxy(named);
  if (proxy !== undefined) return proxy;
  // Not shown: there may be a password in it.
  const where = choice === undefined ? 'HTTPS_PROXY in the environment' : '`proxy`';
  throw new CodedError('PROXY', `${where} is not the URL of an HTTP proxy, such as http://proxy.example:3128`);
}

/** Whether it is the URL of an HTTP proxy, `http://[user:password@]host[:port]`. */
export function isHttpProxyUrl(text: string): boolean {
  return parseHttpProxy(text) !== undefined;
}

function parseHttpProxy(text: string): HttpProxy | undefined {
  const withScheme = text.includes('://') ? text : `http://${text}`;
  if (!URL.canParse(withScheme)) return undefined;
  const { protocol, hostname, port, username, password } = new URL(withScheme);
  if ((protocol !== 'http:' && protocol !== 'https:') || hostname === '') return undefined;
  const secure = protocol === 'https:';
  const credentials = decoded(`${username}:${password}`);
  if (credentials === undefined) return undefined;
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    secure,
    authorization: username === '' ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`,
    shown: `${protocol}//${hostname}${port === '' ? '' : `:${port}`}`,
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function isExcepted({ host, port }: ServerAt, list: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  if (name === 'localhost' || isLoopback(name)) return true;
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === '') return false;
      const [, bare = entry, onlyPort] = /^(.*[^:]|\[.*\]):(\d+)$/.exec(isIP(entry) === 6 ? '' : entry) ?? [];
      if (onlyPort !== undefined && Number(onlyPort) !== port) return false;
      return covers(bare.replace(/^\[|\]$/g, ''), name);
    });
}

function covers(entry: string, name: string): boolean {
  if (entry === '*') return true;
  const address = isIP(name) === 0 ? undefined : tryTransportAddress(name, 0);
  if (address !== undefined) {
    const cidr = parseCidr(isIP(entry) === 0 ? entry : `${entry}/${isIP(entry) === 4 ? 32 : 128}`);
    return cidr !== undefined && cidrContains(cidr, ipToBytes(address));
  }
  const suffix = entry.replace(/^\*?\./, '');
  return name === suffix || name.endsWith(`.${suffix}`);
}
