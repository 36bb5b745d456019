import { promises as dns } from 'node:dns';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { transportAddress, type TransportAddress } from '@wirepath/stun-codec';

/** Where systemd-resolved names the real servers behind its stub. */
const UPSTREAM_FILE = '/run/systemd/resolve/resolv.conf';
const QUERY_TIMEOUT_MS = 2000;
const QUERY_TRIES = 2;

/** The machine's name service, as far as it is needed; tests hand in a fake. */
export interface NameService {
  /** Addresses of the configured resolvers, with `:port` where it is not 53. */
  configuredResolvers(): readonly string[];
  /** Addresses of the resolvers behind a local stub; empty where there is none. */
  upstreamResolvers(): Promise<readonly string[]>;
  /** Asks these resolvers; empty when the name has no address of the family. Rejects when they do not answer. */
  query(host: string, family: 4 | 6, resolvers: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
  /** The system's own way, hosts file and stub included. */
  lookup(host: string): Promise<readonly string[]>;
}

export interface ResolveServerOptions {
  readonly signal: AbortSignal;
  readonly nameService?: NameService;
  /** Told when the name could only be resolved through a resolver that a mesh may own. */
  readonly onSystemLookup?: (host: string) => void;
}

/**
 * Addresses of a STUN or TURN server, IPv4 first. Literals skip DNS. Names are resolved past local stubs and resolvers
 * inside an overlay: they may be owned by the very mesh whose paths we look for, and then name what only it can reach.
 * The system's look-up comes last.
 *
 * @throws what the system's look-up throws when the name has no address.
 */
export async function resolveServer(
  { host, port }: { readonly host: string; readonly port: number },
  { signal, nameService = systemNameService, onSystemLookup }: ResolveServerOptions,
): Promise<TransportAddress[]> {
  if (isIP(host) !== 0) return [transportAddress(host, port)];
  const configured = nameService.configuredResolvers().filter(isOutside);
  const resolvers = configured.length > 0 ? configured : (await nameService.upstreamResolvers()).filter(isOutside);
  const found: string[] = [];
  if (resolvers.length > 0) {
    const answers = await Promise.allSettled(
      ([4, 6] as const).map((family) => nameService.query(host, family, resolvers, signal)),
    );
    // One family's failure is not the other's; when both fail the system's look-up decides.
    for (const answer of answers) if (answer.status === 'fulfilled') found.push(...answer.value);
  }
  signal.throwIfAborted();
  if (found.length === 0) {
    onSystemLookup?.(host);
    found.push(...(await nameService.lookup(host)));
  }
  return [...new Set(found)].map((ip) => transportAddress(ip, port)).sort((a, b) => a.family - b.family);
}

/**
 * False for loopback (a stub), and for what overlays use: 100.64.0.0/10 (Tailscale, NetBird) and Tailscale's ULA.
 */
function isOutside(resolver: string): boolean {
  const ip = resolver.startsWith('[') ? resolver.slice(1, resolver.indexOf(']')) : resolver;
  const [first = 0, second = 0] = ip.split('.').map(Number);
  const overlay = first === 100 && second >= 64 && second <= 127;
  return first !== 127 && !overlay && ip !== '::1' && !ip.startsWith('fd7a:115c:a1e0:');
}

const systemNameService: NameService = {
  configuredResolvers: () => dns.getServers(),
  async upstreamResolvers() {
    // Not there without systemd-resolved: then there are none.
    const text = await readFile(UPSTREAM_FILE, 'utf8').catch(() => '');
    return [...text.matchAll(/^nameserver\s+(\S+)/gm)].flatMap(([, ip = '']) => (isIP(ip) === 0 ? [] : [ip]));
  },
  async query(host, family, resolvers, signal) {
    const resolver = new dns.Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
    resolver.setServers(resolvers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await (family === 4 ? resolver.resolve4(host) : resolver.resolve6(host));
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  },
  lookup: async (host) => (await dns.lookup(host, { all: true })).map(({ address }) => address),
};
