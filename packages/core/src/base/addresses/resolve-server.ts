import { promises as dns } from 'node:dns';
import { readFile } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { transportAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { Clock } from '../time/clock.js';
import { systemClock } from '../time/system-clock.js';

/** Where systemd-resolved names the real servers behind its stub. */
const UPSTREAM_FILE = '/run/systemd/resolve/resolv.conf';
const QUERY_TIMEOUT_MS = 2000;
const QUERY_TRIES = 2;
/** Once one family has addresses, the other has this long: many resolvers are silent about IPv6. */
const OTHER_FAMILY_MS = 300;
/** Interfaces of WireGuard, NetBird, ZeroTier, Tailscale, OpenVPN and the like, and ours. */
const TUNNEL = /^(wg|wp|wt|nb|zt|zl-|tailscale|utun|tun|tap)/;

/** The machine's name service, as far as it is needed; tests hand in a fake. */
export interface NameService {
  /** Addresses of the configured resolvers, with `:port` where it is not 53. */
  configuredResolvers(): readonly string[];
  /** Addresses of the resolvers behind a local stub; empty where there is none. */
  upstreamResolvers(): Promise<readonly string[]>;
  /** CIDRs of tunnel interfaces: a resolver in one of them lives inside a mesh. */
  tunnelNetworks?(): readonly string[];
  /** Asks these resolvers; empty when the name has no address of the family. Rejects when they do not answer. */
  query(host: string, family: 4 | 6, resolvers: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
  /** The system's own way, hosts file and stub included. */
  lookup(host: string): Promise<readonly string[]>;
}

export interface ResolveServerOptions {
  readonly signal: AbortSignal;
  /** @default the machine's own */
  readonly nameService?: NameService;
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** Told when the name could only be resolved through a resolver that a mesh may own. */
  readonly onSystemLookup?: (host: string) => void;
}

/**
 * Addresses of a STUN or TURN server, IPv4 first. Literals skip DNS. Names are resolved past local stubs and resolvers
 * inside an overlay: they may be owned by the very mesh whose paths we look for, and then name what only it can reach.
 * The system's look-up comes last. A family whose resolvers are silent does not hold up the other.
 *
 * @throws the signal's reason; what the system's look-up throws when the name has no address.
 */
export async function resolveServer(
  { host, port }: { readonly host: string; readonly port: number },
  { signal, nameService = systemNameService, clock = systemClock, onSystemLookup }: ResolveServerOptions,
): Promise<TransportAddress[]> {
  if (isIP(host) !== 0) return [transportAddress(host, port)];
  const isOutside = outsideOf(nameService.tunnelNetworks?.() ?? []);
  const configured = nameService.configuredResolvers().filter(isOutside);
  const resolvers = configured.length > 0 ? configured : (await nameService.upstreamResolvers()).filter(isOutside);
  const found = resolvers.length > 0 ? await queryBothFamilies(host, resolvers, { nameService, clock, signal }) : [];
  signal.throwIfAborted();
  if (found.length === 0) {
    onSystemLookup?.(host);
    found.push(...(await unlessAborted(nameService.lookup(host), signal)));
  }
  return [...new Set(found)].map((ip) => transportAddress(ip, port)).sort((a, b) => a.family - b.family);
}

/** One family's failure is not the other's; when both fail nothing is found. */
async function queryBothFamilies(
  host: string,
  resolvers: readonly string[],
  { nameService, clock, signal }: { nameService: NameService; clock: Clock; signal: AbortSignal },
): Promise<string[]> {
  const found: string[] = [];
  // Aborted when there is no more waiting, so that no query goes on behind our back.
  const done = new AbortController();
  const stop = () => done.abort();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let timer: Disposable | undefined;
  const queries = ([4, 6] as const).map(async (family) => {
    const ips = await unlessAborted(nameService.query(host, family, resolvers, done.signal), done.signal);
    found.push(...ips);
    if (ips.length > 0) timer ??= clock.setTimeout(stop, OTHER_FAMILY_MS);
  });
  await Promise.allSettled(queries);
  timer?.[Symbol.dispose]();
  signal.removeEventListener('abort', stop);
  return found;
}

/** Ends the wait, not the work, where that cannot be ended. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/**
 * Tells resolvers outside of every mesh: not on loopback (a stub), not in what overlays use (100.64.0.0/10: Tailscale,
 * NetBird; Tailscale's ULA), and in no network of a tunnel interface.
 */
function outsideOf(tunnelNetworks: readonly string[]): (resolver: string) => boolean {
  const inside = new BlockList();
  for (const cidr of ['127.0.0.0/8', '::1/128', '100.64.0.0/10', 'fd7a:115c:a1e0::/48', ...tunnelNetworks]) {
    const [network = '', prefix] = cidr.split('/');
    inside.addSubnet(network, Number(prefix), isIP(network) === 4 ? 'ipv4' : 'ipv6');
  }
  return (resolver) => {
    const bracketed = /^\[([^\]]+)\]/.exec(resolver)?.[1];
    const ip = bracketed ?? (isIP(resolver) === 0 ? resolver.replace(/:\d+$/, '') : resolver);
    const bare = ip.replace(/%.*$/, '');
    return isIP(bare) !== 0 && !inside.check(bare, isIP(bare) === 4 ? 'ipv4' : 'ipv6');
  };
}

const systemNameService: NameService = {
  configuredResolvers: () => dns.getServers(),
  tunnelNetworks: () =>
    Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
      TUNNEL.test(name) ? (addresses ?? []).flatMap(({ cidr }) => cidr ?? []) : [],
    ),
  async upstreamResolvers() {
    // Not there without systemd-resolved: then there are none.
    const text = await readFile(UPSTREAM_FILE, 'utf8').catch(() => '');
    return [...text.matchAll(/^nameserver\s+(\S+)/gm)].flatMap(([, ip = '']) => (isIP(ip) === 0 ? [] : [ip]));
  },
  async query(host, family, resolvers, signal) {
    const resolver = new dns.Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
    resolver.setServers(resolvers);
    const cancel = () => resolver.cancel();
    signal.throwIfAborted();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await (family === 4 ? resolver.resolve4(host) : resolver.resolve6(host));
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  },
  lookup: async (host) => (await dns.lookup(host, { all: true })).map(({ address }) => address),
};
